package pipeinfo

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxPart is the longest part of an escaped name, in bytes: file systems take 255.
	maxPart = 200
	// maxParts is how many parts a name of MaxName bytes may take, and the two of a run.
	maxParts = 2*3*MaxName/(maxPart-3) + 1
)

// Escape writes a name as one directory name, or as several nested ones separated by
// slashes. The rule (docs/pipeinfo.md, "Names"): a byte outside [A-Za-z0-9._-] becomes =XX,
// its value in upper-case hex; so does a "." at the beginning of a part or at the end of the
// name, and the first byte of a part that would be a device on Windows; the empty name is
// "="; a name of more than 200 bytes is split into parts of which each but the last ends in
// "=". Two names never share an escaped form, whatever bytes they hold.
func Escape(name string) string {
	return assemble(tokens(name, ""))
}

// Unescape is the name that Escape wrote as s. Every other spelling is refused.
func Unescape(s string) (string, error) {
	if first, rest := cut(s); first != s || rest != "" {
		return "", fmt.Errorf("%q is not one escaped name", show(s))
	}
	name, err := decode(unsplit(s))
	if err != nil {
		return "", err
	}
	if Escape(name) != s {
		return "", fmt.Errorf("%q is not an escaped name as it is written", show(s))
	}
	return name, nil
}

// tokens are the escaped bytes of a name, one each. Bytes in also are escaped as well.
func tokens(name, also string) []string {
	t := make([]string, len(name))
	for i := range len(name) {
		c := name[i]
		if plain(c) && strings.IndexByte(also, c) < 0 {
			t[i] = name[i : i+1]
		} else {
			t[i] = hexByte(c)
		}
	}
	return t
}

func plain(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

func hexByte(c byte) string { return fmt.Sprintf("=%02X", c) }

// assemble joins tokens to parts, and escapes what a part must not begin or end with. It
// changes the tokens.
func assemble(t []string) string {
	if len(t) == 0 {
		return "="
	}
	if t[len(t)-1] == "." {
		t[len(t)-1] = hexByte('.')
	}
	var b strings.Builder
	for {
		if t[0] == "." || device(t) {
			t[0] = hexByte(t[0][0])
		}
		n := fit(t)
		for _, s := range t[:n] {
			b.WriteString(s)
		}
		if t = t[n:]; len(t) == 0 {
			return b.String()
		}
		b.WriteString("=/")
	}
}

// fit is how many of the tokens make the next part: all, or as many as leave room for the
// "=" that says it goes on.
func fit(t []string) int {
	size, n := 0, 0
	for i, s := range t {
		if size += len(s); size > maxPart {
			return n
		}
		if size < maxPart {
			n = i + 1
		}
	}
	return len(t)
}

// device tells whether a part that begins with the tokens would name a device on Windows,
// where an extension changes nothing ("nul.txt").
func device(t []string) bool {
	if i := slices.Index(t, "."); i >= 0 {
		t = t[:i]
	}
	if len(t) != 3 && len(t) != 4 {
		return false
	}
	base := strings.ToUpper(strings.Join(t, ""))
	switch base[:3] {
	case "CON", "PRN", "AUX", "NUL":
		return len(base) == 3
	case "COM", "LPT":
		return len(base) == 4 && '0' <= base[3] && base[3] <= '9'
	}
	return false
}

// cut takes the first escaped name, parts and all, off a path.
func cut(path string) (name, rest string) {
	end := 0
	for {
		part, _, more := strings.Cut(path[end:], "/")
		end += len(part)
		if !more {
			return path, ""
		}
		if part == "=" || !strings.HasSuffix(part, "=") {
			return path[:end], path[end+1:]
		}
		end++
	}
}

// goesOn tells whether a directory's name is a part that another one follows.
func goesOn(part string) bool { return part != "=" && strings.HasSuffix(part, "=") }

func unsplit(escaped string) string { return strings.ReplaceAll(escaped, "=/", "") }

// decode undoes the =XX of an escaped name without its splits.
func decode(s string) (string, error) {
	if s == "=" {
		return "", nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends within an escape", show(s))
		}
		hi, lo := nibble(s[i+1]), nibble(s[i+2])
		if hi < 0 || lo < 0 {
			return "", fmt.Errorf("%q is no escape", show(s[i:i+3]))
		}
		b.WriteByte(byte(hi<<4 | lo)) //nolint:gosec // two nibbles are a byte
		i += 2
	}
	return b.String(), nil
}

func nibble(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }
