package subject

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// The prefixes that settle what an argument means.
const (
	ociPrefix       = "oci:"
	filePrefix      = "file:"
	checksumsPrefix = "checksums:"
	digestPrefix    = "digest:"
	goPrefix        = "go:"
)

// maxName is how long a subject's name may be, in bytes.
const maxName = 4096

// reading is what an argument means.
type reading int

const (
	anImage reading = iota
	aFile
	aGlob
	checksums
	aDigest
	goBinaries
)

// read tells what an argument means, and the argument without its prefix. An argument
// that can mean two things is an error.
func read(ws *workspace, arg string) (reading, string, error) {
	for _, p := range []struct {
		prefix string
		means  reading
	}{{ociPrefix, anImage}, {filePrefix, aFile}, {checksumsPrefix, checksums}, {digestPrefix, aDigest}, {goPrefix, goBinaries}} {
		if value, ok := strings.CutPrefix(arg, p.prefix); ok && value != "" {
			return p.means, value, nil
		} else if ok {
			return 0, "", fault.New(fault.Usage, "subject %s names nothing", quote(arg)).WithHint("write what it is after the prefix, without a space")
		}
	}
	if arg == "" {
		return 0, "", fault.New(fault.Usage, "an empty subject is named").WithHint("check that the variable or output it comes from is set")
	}
	if strings.HasPrefix(arg, "!") {
		return 0, "", fault.New(fault.Usage, "subject %s: there is no negation", quote(arg)).
			WithHint("name what to take; for a file of that name, write %s%s", filePrefix, quote(arg))
	}
	if scheme, rest, ok := strings.Cut(arg, "://"); ok && !strings.ContainsAny(scheme, "/\\*?[{") {
		return 0, "", fault.New(fault.Usage, "subject %s: a subject is named without a scheme", quote(arg)).
			WithHint("drop %s://, and write %s", quote(scheme), quote(rest))
	}
	name, _, hasDigest := cutDigest(arg)
	first, _, hasSlash := strings.Cut(arg, "/")
	onDrive := filepath.VolumeName(arg) != ""
	switch {
	case hasSlash && !onDrive && looksLikeHost(first) && !isGlob(arg):
		if ws.exists(arg) || hasDigest && ws.exists(name) {
			return 0, "", fault.New(fault.Usage, "subject %s may be an image, and there is a file of that name", quote(arg)).
				WithHint("write %s%s for the image or %s%s for the file", ociPrefix, quote(arg), filePrefix, quote(fileOf(ws, arg, name)))
		}
		return anImage, arg, nil
	case hasDigest:
		if ws.exists(arg) || ws.exists(name) {
			return 0, "", fault.New(fault.Usage, "subject %s may be something elsewhere, and there is a file of that name", quote(arg)).
				WithHint("write %s%s to take the digest as it stands or %s%s for the file", digestPrefix, quote(arg), filePrefix, quote(fileOf(ws, arg, name)))
		}
		return aDigest, arg, nil
	case isBareDigest(arg):
		return aDigest, arg, nil
	case isGlob(arg):
		return aGlob, arg, nil
	}
	return aFile, arg, nil
}

// fileOf is the file that an ambiguous argument may mean.
func fileOf(ws *workspace, arg, name string) string {
	if name != "" && !ws.exists(arg) {
		return name
	}
	return arg
}

// isGlob tells whether an argument holds a pattern; the brackets of an IPv6 registry are none.
func isGlob(arg string) bool {
	if first, rest, ok := strings.Cut(arg, "/"); ok && strings.HasPrefix(first, "[") && validHost(first) {
		arg = rest
	}
	return strings.ContainsAny(arg, "*?[{")
}

// cutDigest splits NAME@ALGORITHM:HEX, for the algorithms that are known, right or wrong
// as the rest may be.
func cutDigest(arg string) (name, digest string, ok bool) {
	at := strings.LastIndexByte(arg, '@')
	if at < 0 || !hasAlgorithm(arg[at+1:]) {
		return "", "", false
	}
	return arg[:at], arg[at+1:], true
}

func hasAlgorithm(s string) bool {
	name, _, ok := strings.Cut(s, ":")
	return ok && algorithms()[name] != 0
}

func isBareDigest(arg string) bool { return hasAlgorithm(arg) && !strings.Contains(arg, "@") }

// parseDigest reads what stands after digest:, or an argument that means the same.
func parseDigest(arg, value string, bare bool) (Subject, error) {
	name, digest, named := cutDigest(value)
	if !named && isBareDigest(value) {
		digest = value
		if !bare {
			return Subject{}, fault.New(fault.Usage, "subject %s is a digest without a name", quote(arg)).
				WithHint("write NAME@%s", quote(value))
		}
	}
	h, err := ParseHash(digest)
	if err != nil {
		return Subject{}, fault.New(fault.Usage, "subject %s: %w", quote(arg), err).
			WithHint("write NAME@sha256: and 64 lower-case hexadecimal digits")
	}
	if named {
		if err := checkName(name); err != nil {
			return Subject{}, err
		}
	}
	return Subject{Kind: Digest, Name: name, Ref: arg, Digest: h}, nil
}

// checkName refuses names that cannot stand in a statement and on a terminal as they are:
// an invalid one would be changed on its way into JSON, and one with a line break would
// look like two in a list.
func checkName(name string) error {
	var why string
	switch {
	case name == "":
		why = "is empty"
	case len(name) > maxName:
		why = "is too long"
	case !utf8.ValidString(name):
		why = "is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		why = "holds a control character, such as a line break"
	default:
		return nil
	}
	return fault.New(fault.Usage, "the name %s %s", quote(name), why).WithHint("rename it")
}

// quote makes a name safe and short enough for an error.
func quote(s string) string {
	const limit = 300
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return remote.Printable(s)
}
