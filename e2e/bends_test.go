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
		action += "          trust: .pipeseal/trust.json\n"
	}
	return strings.NewReplacer(
		uses, action,
		"registry.example.com", registry,
		"ghcr.io/${{ github.repository }}", registry+"/${{ github.repository }}",
		"registry: ghcr.io", "registry: "+registry,
		// Jenkins' OpenID Connect provider plugin is the issuer JENKINS_URL/oidc.
		"${JENKINS_URL}oidc", issuer("jenkins"),
	).Replace(text)
}
