package lab

import (
	"encoding/json"
	"net/http"
)

// Service is one of the lab's servers. Each has a port of its own on 127.0.0.1.
type Service string

// The services. Registry has the OCI referrers API, RegistryFallback has not.
const (
	OIDC             Service = "oidc"
	Fulcio           Service = "fulcio"
	CT               Service = "ct"
	Rekor            Service = "rekor"
	TSA              Service = "tsa"
	Registry         Service = "registry"
	RegistryFallback Service = "registry-fallback"
	GitHubAPI        Service = "github-api"
)

// Services are all of them, in the order they are started and listed.
func Services() []Service {
	return []Service{OIDC, Fulcio, CT, Rekor, TSA, Registry, RegistryFallback, GitHubAPI}
}

// Names are the services' names, as --slow and --fail take them.
func Names() []string {
	var names []string
	for _, s := range Services() {
		names = append(names, string(s))
	}
	return names
}

// refuse answers with the status as a rule of --fail asks for.
func (s Service) refuse(w http.ResponseWriter, status int) {
	s.deny(w, status, "refused by pipeseal-lab --fail")
}

// deny answers with the status in the service's own format.
func (s Service) deny(w http.ResponseWriter, status int, why string) {
	var body any = map[string]any{"code": 14, "message": why}
	if s == Registry || s == RegistryFallback {
		code, known := map[int]string{
			http.StatusUnauthorized:    "UNAUTHORIZED",
			http.StatusForbidden:       "DENIED",
			http.StatusNotFound:        "NAME_UNKNOWN",
			http.StatusTooManyRequests: "TOOMANYREQUESTS",
		}[status]
		if !known {
			code = "UNSUPPORTED"
		}
		body = map[string]any{"errors": []map[string]string{{"code": code, "message": why}}}
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="pipeseal-lab"`)
		}
	}
	answerJSON(w, status, body)
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b)
}
