package idtoken

import (
	"context"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// variable is the one that every Sigstore client reads a token from.
const variable = "SIGSTORE_ID_TOKEN"

// source is one place that a token may come from, and what is said where it does not. A CI
// without a source of its own has a row for what is said.
type source struct {
	// ci is whose runs the source is used in, a name of internal/ci; "" is every one.
	ci string
	// name is the source in errors and in Token.Source.
	name words
	// here tells whether the step has the source; nil is never.
	here func(Options) bool
	// read gets the token.
	read func(context.Context, Options) (string, error)
	// missing is the variable that is not set where there is no source.
	missing string
	// none, audience and expiry are the hints where there is no source, where the token is
	// for another audience, and where it has expired; nil is what is said everywhere.
	none, audience, expiry words
}

// sources are looked for in this order; of those of a CI, only the run's own is.
func sources() []source {
	return []source{
		{
			name: func(o Options) string { return "file " + remote.Printable(o.File) },
			here: func(o Options) bool { return o.File != "" },
			read: func(_ context.Context, o Options) (string, error) { return readFile(o.File) },
		},
		fromVariable("", variable),
		github(),
		forgejo(),
		gitea(),
		gitlab(),
		jenkins(),
		buildkite(),
		circleci(),
		azure(),
		bitbucket(),
		tekton(),
		unidentified("drone", "Drone"),
		unidentified("woodpecker", "Woodpecker"),
		unidentified("teamcity", "TeamCity"),
		codefresh(),
		codeBuild(),
		cloudBuild(),
	}
}

// everywhere is what is said on a CI whose row does not say it better.
func everywhere() source {
	return source{
		missing:  variable,
		none:     say("set SIGSTORE_ID_TOKEN to a token for the audience {audience}, or name its file with {file}"),
		audience: say("ask the issuer for a token for the audience {audience}"),
		expiry:   say("take the token right before sealing, or set the runner's clock"),
	}
}

// advice is what is said in the run's CI.
func (o Options) advice() source {
	a := everywhere()
	for _, s := range sources() {
		if s.ci == "" || s.ci != o.CI {
			continue
		}
		if s.none != nil {
			a.missing, a.none = s.missing, s.none
		}
		if s.audience != nil {
			a.audience = s.audience
		}
		if s.expiry != nil {
			a.expiry = s.expiry
		}
	}
	return a
}

// words are what is said in a run.
type words func(Options) string

// say is text in which {audience} and {file} stand for the audience that is wanted and the
// flag that names a token file.
func say(text string) words {
	return func(o Options) string {
		return strings.NewReplacer("{audience}", remote.Printable(o.Audience), "{file}", FileFlag).Replace(text)
	}
}

// privately says what to do with tokens that the public Fulcio does not accept.
func privately(whose string) string {
	return "the public Fulcio does not accept " + whose + " tokens: use a private Fulcio that does, with --trust"
}

// skipHint is how a run without a token ends well.
const skipHint = "let such a run pass unsealed with --on-missing-token skip"

// projected is the token of a pod, which a step in a Kubernetes cluster can have on any CI.
const projected = "mount a projected service account token for the audience {audience} and name its file with {file}"

// clusters are whose projected tokens the public Fulcio accepts.
const clusters = "the public Fulcio accepts those of EKS, GKE and AKS alone"

// fromVariable is a token that the pipeline, or the CI, puts into a variable.
func fromVariable(ci, name string) source {
	return source{
		ci:   ci,
		name: say(name),
		here: func(o Options) bool { return strings.TrimSpace(o.Getenv(name)) != "" },
		read: func(_ context.Context, o Options) (string, error) { return strings.TrimSpace(o.Getenv(name)), nil },
	}
}

// gitlab's tokens are made when the job starts (docs.gitlab.com, "id_tokens").
func gitlab() source {
	return source{
		ci:      "gitlab",
		missing: variable,
		none: func(o Options) string {
			text := `add "id_tokens: {SIGSTORE_ID_TOKEN: {aud: {audience}}}" to the job`
			if o.Getenv("CI_PIPELINE_SOURCE") == "merge_request_event" {
				text += "; if a merge request is to get no token, " + skipHint
			}
			return say(text)(o)
		},
		audience: say(`set "aud: {audience}" under id_tokens: SIGSTORE_ID_TOKEN in the job`),
		expiry:   say("GitLab makes the token when the job starts: raise the job's timeout, seal in a job of its own, or set the runner's clock"),
	}
}

// jenkins has tokens where the oidc-provider plugin is installed.
func jenkins() source {
	return source{
		ci:      "jenkins",
		missing: variable,
		none: say(`in withCredentials, bind an "OpenID Connect id token as file" credential with the audience {audience} to PIPESEAL_TOKEN_FILE; ` +
			"or on a Kubernetes agent " + projected + "; " + privately("Jenkins'")),
		audience: say("set the audience of the OpenID Connect credential to {audience}"),
	}
}

// circleci has a token in CIRCLE_OIDC_TOKEN_V2 as well, which is for the organization and no
// other audience (circleci.com/docs, "Using OpenID Connect tokens in jobs").
func circleci() source {
	const ask = `export SIGSTORE_ID_TOKEN="$(circleci run oidc get --claims '{"aud":"{audience}"}')"`
	return source{
		ci:       "circleci",
		missing:  variable,
		none:     say("run this before sealing: " + ask),
		audience: say("CIRCLE_OIDC_TOKEN_V2 is for another audience; run this before sealing: " + ask),
	}
}

// bitbucket makes the token when the step starts, for the audiences that it lists
// (support.atlassian.com, "Integrate Pipelines with resource servers using OIDC").
func bitbucket() source {
	s := fromVariable("bitbucket", "BITBUCKET_STEP_OIDC_TOKEN")
	s.missing = "BITBUCKET_STEP_OIDC_TOKEN"
	s.none = say(`add "oidc: {audiences: [{audience}]}" to the step; ` + privately("Bitbucket's"))
	s.audience = say(`set "oidc: {audiences: [{audience}]}" in the step`)
	s.expiry = say("Bitbucket makes the token when the step starts: seal in a step of its own, or set the runner's clock")
	return s
}

// tekton has its pods' tokens (kubernetes.io/docs, "ServiceAccount token volume projection").
func tekton() source {
	return source{
		ci:       "tekton",
		missing:  variable,
		none:     say(projected + "; " + clusters + ", for others use a private Fulcio that accepts the cluster, with --trust"),
		audience: say(`set "audience: {audience}" of the projected service account token`),
		expiry:   say("name the projected file itself with {file}, for the cluster renews it and no copy; or set the node's clock"),
	}
}

// unidentified is a CI that issues no tokens.
func unidentified(ci, name string) source {
	return source{
		ci:      ci,
		missing: variable,
		none: say(name + " issues no identity tokens: in a Kubernetes cluster " + projected + " (" + clusters + "); elsewhere set " +
			"SIGSTORE_ID_TOKEN to a token of an issuer that your private Fulcio accepts, with --trust"),
	}
}

// codeBuild has what AWS gives any role that may ask (docs.aws.amazon.com, AWS STS API
// Reference, "GetWebIdentityToken").
func codeBuild() source {
	return source{
		ci:      "codebuild",
		missing: variable,
		none: say("set SIGSTORE_ID_TOKEN to what this prints: aws sts get-web-identity-token --audience {audience} " +
			"--signing-algorithm ES384 --query WebIdentityToken --output text; " + privately("AWS'")),
		audience: say(`give "aws sts get-web-identity-token" --audience {audience}`),
	}
}

func unusable(variable string) error {
	return fault.New(fault.Usage, "%s does not make a URL", variable).WithHint("leave %s as the CI sets it", variable)
}
