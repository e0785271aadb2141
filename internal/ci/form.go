package ci

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// maxValue is how long a value may be, in bytes: longer than any name, ref or URL of a
// CI, and short enough for a document that is signed and published.
const maxValue = 4 << 10

// A form is the grammar of a value: it returns the value as a Build holds it, or says
// what is wrong with it. The empty value is in every form. An error of a form does not
// repeat the value.
type form func(string) (string, error)

var (
	hexCommit = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	allDigits = regexp.MustCompile(`^[0-9]{1,20}$`)
	uuids     = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	slugs     = regexp.MustCompile(`^[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*$`)
)

// text is one line of UTF-8 without control characters.
func text(s string) (string, error) {
	switch {
	case len(s) > maxValue:
		return "", fmt.Errorf("is %d bytes long, more than %d", len(s), maxValue)
	case !utf8.ValidString(s):
		return "", errors.New("is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("holds a control character, such as a line break")
	}
	return s, nil
}

// of is the form of text that satisfies ok besides; what says what that is.
func of(ok func(string) bool, what string) form {
	return func(s string) (string, error) {
		s, err := text(s)
		if err == nil && s != "" && !ok(s) {
			err = errors.New("is not " + what)
		}
		if err != nil {
			return "", err
		}
		return s, nil
	}
}

// number is a decimal id, kept as text: no arithmetic, no rounding.
func number(s string) (string, error) {
	return of(allDigits.MatchString, "a number")(s)
}

// uuid is a UUID (RFC 9562) in lower case, without the braces that Bitbucket puts around.
func uuid(s string) (string, error) {
	if bare, ok := strings.CutPrefix(s, "{"); ok {
		s = strings.TrimSuffix(bare, "}")
	}
	return of(uuids.MatchString, "a UUID")(strings.ToLower(s))
}

// commit is a full commit id, SHA-1 or SHA-256, in lower-case hex.
func commit(s string) (string, error) {
	return of(hexCommit.MatchString, "a full commit id (40 or 64 hexadecimal digits)")(strings.ToLower(s))
}

// slug is a repository's or owner's path on its forge, "acme/app".
func slug(s string) (string, error) {
	return of(func(s string) bool {
		return slugs.MatchString(s) && path.Clean(s) == s && !strings.HasPrefix(s, "..")
	}, "a repository's path, such as acme/app")(s)
}

// fullRef is a full git ref (git-check-ref-format).
func fullRef(s string) (string, error) {
	return of(isRef, `a full ref, such as refs/heads/main`)(s)
}

func isRef(s string) bool {
	if !strings.HasPrefix(s, "refs/") || strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".") {
		return false
	}
	if strings.ContainsAny(s, " ~^:?*[\\\x7f") || strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.Contains(s, "//") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// within is a relative path with forward slashes that stays in its repository.
func within(s string) (string, error) {
	return of(isWithin, "a path in the repository, such as .ci/build.yml")(s)
}

func isWithin(s string) bool {
	return !path.IsAbs(s) && path.Clean(s) == s && s != "." && s != ".." && !strings.HasPrefix(s, "../") && !strings.ContainsAny(s, `\:`)
}

// page is an http or https URL without credentials, as it stands.
func page(s string) (string, error) {
	return of(func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
	}, "an http or https URL without credentials")(s)
}

// base is a page without its trailing slash.
func base(s string) (string, error) {
	s, err := page(s)
	return strings.TrimRight(s, "/"), err
}

// workflow is a workflow file at a ref: owner/repository/path@ref.
func workflow(s string) (string, error) {
	return of(func(s string) bool {
		_, file, ref := splitWorkflow(s)
		return isWithin(file) && ref != ""
	}, "a workflow at a ref, such as acme/app/.github/workflows/build.yml@refs/heads/main")(s)
}

// unusable is a variable, flag or claim whose value is not in its form.
func unusable(name string, err error) error {
	return fault.New(fault.Usage, "%s %w", name, err).
		WithHint("correct %s; its value goes into what is signed, and is not repaired", name)
}

// short is a value from outside as an error shows it.
func short(s string) string {
	const limit = 200
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	return remote.Shorten(remote.Printable(s), limit)
}
