package idtoken

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// served is one CI's endpoint as its documentation describes it.
type served struct {
	ci, service string
	// vars are the step's, for an endpoint at the URL.
	vars func(url string) map[string]string
	// uri and authorization are what the endpoint expects of a request for the audience
	// "sigstore", with the method and the body.
	method, uri, authorization, body string
	// audience is the one that is wanted, where it is not the default.
	audience string
	// answer is an answer with the token.
	answer string
	// refused is a word of the hint where it says no.
	refused string
}

func endpoints() []served {
	actions := func(url string) map[string]string {
		return map[string]string{actionsURL: url + "/token?api-version=2.0", actionsToken: requestToken}
	}
	const actionsURI = "/token?api-version=2.0&audience=sigstore"
	return []served{
		{ci: "github", service: "GitHub's token endpoint", vars: actions, method: "GET", uri: actionsURI, authorization: "bearer " + requestToken,
			answer: `{"count":1,"value":%q}`, refused: "id-token: write"},
		{ci: "forgejo", service: "Forgejo's token endpoint", vars: actions, method: "GET", uri: actionsURI, authorization: "bearer " + requestToken,
			answer: `{"value":%q}`, refused: "enable-openid-connect: true"},
		{ci: "gitea", service: "Gitea's token endpoint", vars: actions, method: "GET", uri: actionsURI, authorization: "bearer " + requestToken,
			answer: `{"value":%q}`, refused: "still running"},
		{ci: "buildkite", service: "Buildkite's agent API", vars: func(url string) map[string]string {
			return map[string]string{buildkiteURL: url + "/v3/", buildkiteToken: requestToken, buildkiteJob: "0184990a-477b-4fa8-9968-496074483cee"}
		}, method: "POST", uri: "/v3/jobs/0184990a-477b-4fa8-9968-496074483cee/oidc/tokens", authorization: "Token " + requestToken,
			body: `{"audience":"sigstore"}`, answer: `{"token":%q}`, refused: "OpenID Connect"},
		{ci: "codefresh", service: "Codefresh's token endpoint", vars: func(url string) map[string]string {
			return map[string]string{codefreshURL: url + "/api/oidc", codefreshAuthorization: requestToken}
		}, method: "GET", uri: "/api/oidc?audience=sigstore", authorization: requestToken, answer: `{"id_token":%q}`, refused: "still running"},
		{ci: "azure", service: "Azure Pipelines' token endpoint", vars: func(url string) map[string]string {
			return map[string]string{azureURL: url + "/acme/1/_apis/oidctoken", azureToken: requestToken}
		}, method: "POST", uri: "/acme/1/_apis/oidctoken?api-version=7.1", authorization: "Bearer " + requestToken,
			body: "{}", audience: azureAudience, answer: `{"oidcToken":%q}`, refused: "$(System.AccessToken)"},
		{ci: "cloudbuild", service: "Google's metadata server", vars: func(url string) map[string]string {
			return map[string]string{metadataHost: strings.TrimPrefix(url, "http://")}
		}, method: "GET", uri: "/computeMetadata/v1/instance/service-accounts/default/identity?audience=sigstore&format=full",
			answer: "%s\n", refused: "roles/iam.serviceAccountOpenIdTokenCreator"},
	}
}

// at are the options of a step with the endpoint at url.
func (e served) at(url string) Options {
	o := options(e.vars(url))
	o.CI, o.Audience = e.ci, e.audience
	return o
}

func (e served) token() string {
	if e.audience != "" {
		return token(map[string]any{"aud": e.audience})
	}
	return token(nil)
}

func TestEndpoints(t *testing.T) {
	for _, e := range endpoints() {
		ask := func(t *testing.T, h http.HandlerFunc) Options { return e.at(serve(t, h)) }
		t.Run(e.ci, func(t *testing.T) {
			t.Parallel()
			t.Run("well, at the second try", func(t *testing.T) {
				n := 0
				tok, err := Get(context.Background(), ask(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if r.Method != e.method || r.URL.RequestURI() != e.uri || r.Header.Get("Authorization") != e.authorization || string(body) != e.body {
						t.Errorf("%s %s %s %q", r.Method, r.URL.RequestURI(), r.Header, body)
					}
					if e.ci == "cloudbuild" && r.Header.Get("Metadata-Flavor") != "Google" {
						t.Error("the metadata server refuses a request without its header")
					}
					if n++; n == 1 {
						http.Error(w, "later", http.StatusServiceUnavailable)
						return
					}
					fmt.Fprintf(w, e.answer, e.token())
				}))
				if err != nil || n != 2 || tok.Source != e.service {
					t.Errorf("%d calls, %q, %v", n, tok.Source, err)
				}
			})
			for _, status := range []int{400, 401, 403, 404} {
				t.Run(strconv.Itoa(status), func(t *testing.T) {
					refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) {
						http.Error(w, "no\n::set-output name=a::b", status)
					}), fault.Usage, e.service, fmt.Sprintf("answered %d", status), e.refused)
				})
			}
			t.Run("500", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
					fault.Undecided, e.service, "answered 500", "2 attempts")
			})
			t.Run("neither yes nor no", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusAccepted)
					fmt.Fprintf(w, e.answer, e.token())
				}), fault.Undecided, "answered 202")
			})
			for _, status := range []int{401, 502} {
				kind := fault.Usage
				if status == 502 {
					kind = fault.Undecided
				}
				t.Run(fmt.Sprintf("%d with the token", status), func(t *testing.T) {
					refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not this: "+e.token(), status) }), kind, "[token]")
				})
				if e.authorization == "" {
					continue
				}
				for name, echo := range map[string]string{"whole": "", "cut": strings.Repeat("x", 280)} {
					t.Run(fmt.Sprintf("%d with the credential, %s", status, name), func(t *testing.T) {
						refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) {
							http.Error(w, echo+r.Header.Get("Authorization"), status)
						}), kind, "not shown")
					})
				}
			}
			t.Run("slow", func(t *testing.T) {
				o := ask(t, func(w http.ResponseWriter, r *http.Request) {
					// A server notices that its client has gone once the body is read.
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
				})
				o.Network = remote.NewNetwork(remote.Options{Attempts: 1, Timeout: 20 * time.Millisecond})
				refused(t, o, fault.Undecided, e.service, "no answer within 20ms")
			})
			t.Run("unreachable", func(t *testing.T) {
				s := httptest.NewServer(nil)
				s.Close()
				refused(t, e.at(s.URL), fault.Undecided, e.service)
			})
			t.Run("redirect", func(t *testing.T) {
				elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the redirect was followed") })
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
				}), fault.Undecided, "redirects")
			})
			t.Run("huge", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, e.answer, strings.Repeat("a", 1<<20)) }), fault.Undecided, e.service)
			})
			t.Run("not a token", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, e.answer, "x.y."+signature) }), fault.Usage, "header")
			})
			t.Run("no token", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, e.answer, "") }), fault.Undecided, "holds no token")
			})
			t.Run("another audience", func(t *testing.T) {
				refused(t, ask(t, func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprintf(w, e.answer, token(map[string]any{"aud": "elsewhere"}))
				}), fault.Usage, "audience elsewhere")
			})
			t.Run("cancelled", func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				_, err := Get(ctx, ask(t, func(w http.ResponseWriter, r *http.Request) {}))
				if fault.KindOf(err) != fault.Interrupted {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	for _, e := range endpoints() {
		if !strings.HasPrefix(e.answer, "{") {
			continue
		}
		name := strings.SplitN(strings.TrimPrefix(e.answer, `{"count":1,`), `"`, 3)[1]
		for what, body := range map[string]string{
			"not JSON":  "<html>",
			"no value":  `{"count":0}`,
			"not text":  `{"` + name + `":7}`,
			"twice":     `{"` + name + `":"a.b.c","` + name + `":"` + e.token() + `"}`,
			"truncated": `{"` + name + `":"` + signature,
			"a list":    `["` + signature + `"]`,
		} {
			t.Run(e.ci+"/"+what, func(t *testing.T) {
				refused(t, e.at(serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) })), fault.Undecided, e.service, "holds no token")
			})
		}
	}
}

// TestAddresses checks that a credential goes to https, or to this machine, and nowhere else.
func TestAddresses(t *testing.T) {
	for _, e := range endpoints() {
		for _, u := range []string{"http://example.com/token", "https://user:pw@example.com/", "ftp://127.0.0.1/", "/token", "http://127.0.0.1.example.com/", "http://[::1", "https://"} {
			t.Run(e.ci+"/"+u, func(t *testing.T) {
				if e.ci == "cloudbuild" {
					refused(t, e.at(u), fault.Usage, metadataHost, "unset")
					return
				}
				refused(t, e.at(u), fault.Usage, "is not an https URL", "as the CI sets it")
			})
		}
	}
	for _, host := range []string{"metadata.google.internal", "metadata.google.internal:80", "169.254.169.254", "[fd20:ce::254]:80", "localhost:1"} {
		if !metadataServer(host) {
			t.Errorf("%s is refused", host)
		}
	}
	for _, host := range []string{"metadata.google.internal.example.com", "169.254.169.253", "example.com:80", ""} {
		if metadataServer(host) {
			t.Errorf("%s is accepted", host)
		}
	}
}

func TestVariablesThatGoTogether(t *testing.T) {
	for name, tc := range map[string]map[string]string{
		actionsToken:           {actionsURL: "https://example.com/"},
		actionsURL:             {actionsToken: requestToken},
		codefreshAuthorization: {"CI": "codefresh", codefreshURL: "https://example.com/"},
		codefreshURL:           {"CI": "codefresh", codefreshAuthorization: requestToken},
		buildkiteJob:           {"CI": "buildkite", buildkiteToken: requestToken},
	} {
		refused(t, options(tc), fault.Usage, name+" is not set, ", "a container needs them passed in")
	}
	refused(t, options(map[string]string{"CI": "buildkite", buildkiteToken: requestToken, buildkiteJob: "../../agents"}), fault.Usage, "BUILDKITE_JOB_ID is not a UUID")
}

func TestAzuresOnlyAudience(t *testing.T) {
	o := options(map[string]string{"CI": "azure", azureURL: serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") }), azureToken: requestToken})
	refused(t, o, fault.Usage, "audience api://AzureADTokenExchange alone, not sigstore", "--audience api://AzureADTokenExchange", "the public Fulcio does not accept")
}

// TestBuildkitesOwnEndpoint checks where the agent's API is when no variable says so.
func TestBuildkitesOwnEndpoint(t *testing.T) {
	req, secret, err := askBuildkite(context.Background(), options(map[string]string{buildkiteToken: requestToken, buildkiteJob: "1"}))
	if err != nil || req.URL.String() != "https://agent.buildkite.com/v3/jobs/1/oidc/tokens" || secret != requestToken {
		t.Errorf("got %v, %v", req.URL, err)
	}
	req, _, err = askMetadata(context.Background(), options(nil))
	if err != nil || req.URL.Host != "metadata.google.internal" {
		t.Errorf("got %v, %v", req.URL, err)
	}
}
