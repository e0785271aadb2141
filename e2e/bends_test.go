package e2e

import "strings"

// bends are all that a test changes in an example's files, so that it runs on this machine:
// names of services that only a real CI has become the lab's. env are the lab's variables.
// What is not a file of the example is played by testdata/examples/stand-in: a docker that
// builds with buildah, Jenkins' steps, the agents' own programs.
func bends(env map[string]string) *strings.Replacer {
	issuer := func(of string) string {
		base, _, _ := strings.Cut(env["PIPESEAL_LAB_TOKEN_URL"], "/token")
		return base + "/" + of
	}
	return strings.NewReplacer(
		"registry.example.com", env["PIPESEAL_LAB_REGISTRY"],
		// Jenkins' OpenID Connect provider plugin is the issuer JENKINS_URL/oidc.
		"${JENKINS_URL}oidc", issuer("jenkins"),
	)
}
