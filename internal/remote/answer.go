package remote

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"
)

const snippetLen = 300

// ErrTooLarge is returned for an answer over its limit. Nothing of it is to be used.
var ErrTooLarge = errors.New("answer is larger than allowed")

// ReadAll reads r to its end, at most limit bytes.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, plain(err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return b, nil
}

// webToken is a JSON Web Token, or the beginning of one: "eyJ" is base64url of `{"`.
var webToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8}[A-Za-z0-9_.-]*`)

// StatusError is an answer's status with the beginning of its body, made safe to print, and
// without the tokens in it: a service may repeat the one that it was sent. It reads at most
// a few hundred bytes and does not close the body.
func StatusError(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4*snippetLen))
	b = webToken.ReplaceAll(b, []byte("[token]"))
	s := strings.Join(strings.Fields(Printable(string(b))), " ")
	s = Shorten(s, snippetLen)
	if s == "" {
		return fmt.Errorf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return fmt.Errorf("answered %d %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), s)
}

// Printable makes text from outside safe to print: control characters, escapes and
// direction marks become U+FFFD, and "::name" and "##name[" are broken up with a space, so
// that no CI reads a command from it.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	s = command.ReplaceAllString(s, ": :$1")
	return oldCommand.ReplaceAllString(s, "## $1[")
}

// Shorten is at most limit runes of s, and "…" where that is not all of it.
func Shorten(s string, limit int) string {
	runes := 0
	for i := range s {
		if runes == limit {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}

// command is the beginning of a GitHub workflow command, "::set-output".
var command = regexp.MustCompile(`::([A-Za-z])`)

// oldCommand is that of a command in GitHub's older form, "##[add-mask]", and of Azure's,
// "##vso[task.setvariable]".
var oldCommand = regexp.MustCompile(`##([A-Za-z]*)\[`)

func drain(b io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(b, 64<<10))
	b.Close()
}
