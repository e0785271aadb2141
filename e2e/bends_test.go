package e2e

import "strings"

// bend is all that a test changes in a file of an example, so that it runs on this machine:
// what only a real CI has becomes the lab's. env are the lab's variables, with HOME, ISSUER
// (of GitHub's tokens) and RELEASE, the version that examples name. What is not in the files
// is played by what stands in standin/: actions, a docker that builds with buildah, Jenkins'
// steps, the agents' own programs.
func bend(text string, env map[string]string) string {
	if strings.HasPrefix(text, "# Woodpecker") {
		text = strings.NewReplacer(woodpeckerBends(env)...).Replace(text)
	}
	pairs := append(githubBends(text, env), gitlabBends(env)...)
	pairs = append(pairs, issuerBends(env)...)
	return strings.NewReplacer(append(pairs, podBends(env)...)...).Replace(text)
}

// githubBends: the action and the called workflows fetch their program from a mirror on
// loopback, and what is for the public-good instance is told of the lab's, a called workflow
// as a text. A second target would compile a second standard library.
func githubBends(text string, env map[string]string) []string {
	uses := "uses: pipeseal/pipeseal@" + env["RELEASE"] + "\n        with:\n"
	bent := uses + "          mirror: ${{ vars.MIRROR }}\n"
	if !strings.Contains(text, ".pipeseal/trust.json") {
		bent += "          trust: " + env["PIPESEAL_TRUST"] + "\n"
	}
	called := "build-go.yml@" + env["RELEASE"] + "\n    with:\n"
	registry := env["PIPESEAL_LAB_REGISTRY"]
	return []string{
		uses, bent,
		called, called + "      mirror: ${{ vars.MIRROR }}\n      trust: ${{ vars.TRUST }}\n",
		"        windows/amd64\n", "",
		"registry.example.com", registry,
		"ghcr.io/${{ github.repository }}", registry + "/${{ github.repository }}",
		"registry: ghcr.io", "registry: " + registry,
	}
}

// gitlabBends: a component of another project cannot be fetched; layOut copies the templates.
func gitlabBends(env map[string]string) []string {
	var pairs []string
	for _, name := range []string{"seal", "verify"} {
		pairs = append(pairs,
			"component: gitlab.com/pipeseal/pipeseal/"+name+"@"+env["RELEASE"]+"\n    inputs:\n",
			"local: /templates/"+name+".yml\n    inputs:\n      trust: .pipeseal/trust.json\n")
	}
	return pairs
}

// woodpeckerBends: the backend without containers takes an image for the name of a program,
// and works in a directory of its own, into which nobody clones.
func woodpeckerBends(env map[string]string) []string {
	app, image := env["HOME"]+"/app", "image: ghcr.io/pipeseal/pipeseal:"+env["RELEASE"]
	return []string{
		"      - CGO_ENABLED=0 go build", "      - cp -r " + app + "/. .\n      - CGO_ENABLED=0 go build",
		"      - pipeseal verify", "      - cp -r pipeseal-out " + app + "\n      - pipeseal verify",
		"image: golang:1.26", "image: sh",
		image + "-shell", "image: sh",
		image, "image: plugin",
	}
}

// issuerBends: every CI's issuer is the lab's of that name. Jenkins' OpenID Connect provider
// plugin is JENKINS_URL/oidc. The lab's Fulcio takes one audience, of whatever issuer.
func issuerBends(env map[string]string) []string {
	issuer := func(of string) string {
		base, _, _ := strings.Cut(env["PIPESEAL_LAB_TOKEN_URL"], "/token")
		return base + "/" + of
	}
	return []string{
		"audience: https://kubernetes.default.svc", "audience: sigstore",
		"api://AzureADTokenExchange", "sigstore",
		"https://kubernetes.default.svc", issuer("kubernetes"),
		"https://token.actions.githubusercontent.com", env["ISSUER"],
		"${JENKINS_URL}oidc", issuer("jenkins"),
		"https://agent.buildkite.com", issuer("buildkite"),
		"https://oidc.circleci.com/org/$CIRCLE_ORGANIZATION_ID", issuer("circleci"),
		"https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", issuer("bitbucket"),
	}
}

// podBends: what is mounted into a pod is below $HOME.
func podBends(env map[string]string) []string {
	return []string{
		"value: /registry", "value: " + env["HOME"] + "/registry",
		"/identity/token", env["HOME"] + "/identity/token",
		"/var/run/secrets/kubernetes.io/serviceaccount/token", env["HOME"] + "/identity/token",
	}
}
