package verify

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/sigstore/fulcio/pkg/certificate"
)

// extensions are those of Fulcio.
type extensions = certificate.Extensions

var (
	// bare is a repository without a scheme, as CircleCI's tokens name it.
	bare = regexp.MustCompile(`^[a-z0-9-]+(?:\.[a-z0-9-]+)+/[^:]*$`)
	// exponent is a number of a Buildkite build as Fulcio prints it from a million on.
	exponent = regexp.MustCompile(`^(https://buildkite\.com/.+/builds/)([0-9.]+e\+[0-9]+)(#.*)$`)
)

// canonical are the extensions with the values that the public instance's templates write in a
// way that nothing else does (github.com/sigstore/fulcio, config/identity/config.yaml and
// pkg/identity/ciprovider) as everything else names the same: CircleCI's repository has
// no scheme, its run two slashes, and no runner two quotes; a Buildkite build from a million
// on is a floating-point number. Each has one meaning only, so nothing is believed that the
// certificate does not say.
func canonical(x extensions) extensions {
	if bare.MatchString(x.SourceRepositoryURI) {
		x.SourceRepositoryURI = "https://" + x.SourceRepositoryURI
	}
	if rest, ok := strings.CutPrefix(x.RunInvocationURI, "https://app.circleci.com//"); ok {
		x.RunInvocationURI = "https://app.circleci.com/" + rest
	}
	if x.RunnerEnvironment == `""` {
		x.RunnerEnvironment = ""
	}
	if m := exponent.FindStringSubmatch(x.RunInvocationURI); m != nil {
		const exact = 1 << 53 // beyond it a number has neighbours of the same name
		n, err := strconv.ParseFloat(m[2], 64)
		if err == nil && n < exact && n == math.Trunc(n) {
			x.RunInvocationURI = m[1] + strconv.FormatFloat(n, 'f', 0, 64) + m[3]
		}
	}
	return x
}

// fullRefs are the full refs that a certificate's source repository ref may mean: itself, or
// the branch and the tag of a name that is no full ref.
func fullRefs(ref string) []string {
	if ref == "" || strings.HasPrefix(ref, "refs/") {
		return []string{ref}
	}
	return []string{"refs/heads/" + ref, "refs/tags/" + ref}
}
