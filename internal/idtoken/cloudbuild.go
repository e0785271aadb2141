package idtoken

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// metadataHost is the variable by which Google's libraries are told another metadata server.
const metadataHost = "GCE_METADATA_HOST"

// cloudBuild asks the metadata server for a token of the build's service account, with its
// e-mail address in it, which is what Fulcio certifies (cloud.google.com/build/docs,
// "Authorize service-to-service access"; cloud.google.com/compute/docs, "Verifying VM
// identity"). The server answers 404 where the account may not make tokens for itself.
func cloudBuild() source {
	const service = "Google's metadata server"
	e := endpoint{
		service: service,
		address: metadataHost,
		request: askMetadata,
		refused: say("run the build as a service account of yours (serviceAccount in its configuration) that has the role " +
			"roles/iam.serviceAccountOpenIdTokenCreator on itself; or set SIGSTORE_ID_TOKEN"),
	}
	return source{
		ci:   "cloudbuild",
		name: say(service),
		// Every build has it, and no variable says so.
		here: func(o Options) bool { return o.CI == "cloudbuild" },
		read: e.ask,
	}
}

func askMetadata(ctx context.Context, o Options) (*http.Request, string, error) {
	foreign := fault.New(fault.Usage, "%s is neither Google's metadata server nor this machine", metadataHost).
		WithHint("leave %s unset", metadataHost)
	host := o.Getenv(metadataHost)
	switch {
	case host == "":
		host = "metadata.google.internal"
	case !metadataServer(host):
		return nil, "", foreign
	}
	u := url.URL{
		Scheme:   "http",
		Host:     host,
		Path:     "/computeMetadata/v1/instance/service-accounts/default/identity",
		RawQuery: url.Values{"audience": {o.Audience}, "format": {"full"}}.Encode(),
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", foreign
	}
	req.Header.Set("Metadata-Flavor", "Google")
	return req, "", nil
}

// metadataServer tells whether HOST or HOST:PORT is the metadata server's name or one of its
// link-local addresses, which no other machine can have, or this machine.
func metadataServer(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	switch host {
	case "metadata.google.internal", "metadata", "169.254.169.254", "fd20:ce::254", "[fd20:ce::254]":
		return true
	}
	return remote.Loopback(hostport)
}
