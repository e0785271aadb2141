package e2e

import "strings"

// bend is all that a test changes in a file of an example, so that it runs on this machine:
// what only a real CI has becomes the lab's. env are the lab's variables. What is not in the
// example's files is played by standin/ (actions, a docker
// that builds with buildah, Jenkins' steps, the agents' own programs).
func bend(text string, env map[string]string) string {
	registry := env["PIPESEAL_LAB_REGISTRY"]
	issuer := func(of string) string {
		base, _, _ := strings.Cut(env["PIPESEAL_LAB_TOKEN_URL"], "/token")
		return base + "/" + of
	}
	// The action fetches its program from a mirror on loopback, and an example for the
	// public-good instance is told of the lab's.
	const uses = "uses: pipeseal/pipeseal@v0.1.0\n        with:\n"
	action := uses + "          mirror: ${{ vars.MIRROR }}\n"
	if !strings.Contains(text, ".pipeseal/trust.json") {
		action += "          trust: " + env["PIPESEAL_TRUST"] + "\n"
	}
	const called = "build-go.yml@v0.1.0\n    with:\n"
	component := func(name string) string {
		return "component: gitlab.com/pipeseal/pipeseal/" + name + "@v0.1.0\n    inputs:\n"
	}
	template := func(name string) string {
		return "local: /templates/" + name + ".yml\n    inputs:\n      trust: .pipeseal/trust.json\n"
	}
	if strings.HasPrefix(text, "# Woodpecker") {
		// The backend without containers takes an image for the name of a program, and works
		// in a directory of its own, into which nobody clones.
		app := env["HOME"] + "/app"
		text = strings.NewReplacer(
			"      - CGO_ENABLED=0 go build", "      - cp -r "+app+"/. .\n      - CGO_ENABLED=0 go build",
			"      - pipeseal verify", "      - cp -r pipeseal-out "+app+"\n      - pipeseal verify",
			"image: golang:1.26", "image: sh",
			"image: ghcr.io/pipeseal/pipeseal:v0.1.0-shell", "image: sh",
			"image: ghcr.io/pipeseal/pipeseal:v0.1.0", "image: plugin",
		).Replace(text)
	}
	return strings.NewReplacer(
		uses, action,
		// A called workflow takes the instance as a text.
		called, called+"      mirror: ${{ vars.MIRROR }}\n      trust: ${{ vars.TRUST }}\n",
		"        windows/amd64\n", "", // which would compile a second standard library
		"https://token.actions.githubusercontent.com", env["ISSUER"],
		// A component of another project cannot be fetched; layOut copies the templates.
		component("seal"), template("seal"),
		component("verify"), template("verify"),
		"registry.example.com", registry,
		"ghcr.io/${{ github.repository }}", registry+"/${{ github.repository }}",
		"registry: ghcr.io", "registry: "+registry,
		// Jenkins' OpenID Connect provider plugin is the issuer JENKINS_URL/oidc.
		"${JENKINS_URL}oidc", issuer("jenkins"),
		"https://agent.buildkite.com", issuer("buildkite"),
		"https://oidc.circleci.com/org/$CIRCLE_ORGANIZATION_ID", issuer("circleci"),
		"https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", issuer("bitbucket"),
		// A pod's files, and its cluster's issuer; the lab's Fulcio takes one audience.
		"value: /registry", "value: "+env["HOME"]+"/registry",
		"/identity/token", env["HOME"]+"/identity/token",
		"/var/run/secrets/kubernetes.io/serviceaccount/token", env["HOME"]+"/identity/token",
		"audience: https://kubernetes.default.svc", "audience: sigstore",
		"https://kubernetes.default.svc", issuer("kubernetes"),
		// Azure's tokens have one audience, and the lab's Fulcio takes another.
		"api://AzureADTokenExchange", "sigstore",
	).Replace(text)
}
