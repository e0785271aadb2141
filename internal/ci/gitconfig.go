package ci

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// A gitSetting is one line of a git configuration file: section and key in lower case,
// subsection and value as they stand (git-config, "Syntax").
type gitSetting struct {
	section, subsection, key, value string
}

// parseGitConfig reads git's configuration syntax: sections and subsections, quoted and
// escaped values, comments, continued lines. It follows no include. ok is false for
// what git would refuse to read.
func parseGitConfig(data []byte) (settings []gitSetting, ok bool) {
	var section, subsection string
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], " \t")
		if strings.HasPrefix(line, "[") {
			var rest string
			if section, subsection, rest, ok = parseSection(line); !ok {
				return nil, false
			}
			line = strings.TrimLeft(rest, " \t")
		}
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, raw, hasValue := strings.Cut(line, "=")
		if hasValue {
			for continued(raw) && i+1 < len(lines) {
				i++
				raw = raw[:len(raw)-1] + lines[i]
			}
		} else if cut := strings.IndexAny(key, "#;"); cut >= 0 {
			key = key[:cut]
		}
		key = strings.ToLower(strings.TrimRight(key, " \t"))
		if section == "" || !isKey(key) {
			return nil, false
		}
		value := "true" // a key alone is a boolean
		if hasValue {
			if value, ok = unquoteValue(raw); !ok {
				return nil, false
			}
		}
		settings = append(settings, gitSetting{section, subsection, key, value})
	}
	return settings, true
}

// parseSection reads [section], [section "subsection"] or [section.subsection].
func parseSection(line string) (section, subsection, rest string, ok bool) {
	end := strings.IndexAny(line, "]\"")
	if end < 0 {
		return "", "", "", false
	}
	section = strings.TrimRight(line[1:end], " \t")
	if line[end] == ']' {
		section, subsection, _ = strings.Cut(section, ".")
		return strings.ToLower(section), strings.ToLower(subsection), line[end+1:], isKey(section)
	}
	var b strings.Builder
	for i := end + 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == '"':
			rest, ok = strings.CutPrefix(line[i+1:], "]")
			return strings.ToLower(section), b.String(), rest, ok && isKey(section)
		default:
			b.WriteByte(c)
		}
	}
	return "", "", "", false
}

func isKey(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// continued tells whether a line ends in a backslash that is not itself escaped.
func continued(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// unquoteValue undoes quotes and escapes and drops a comment and the space around.
func unquoteValue(raw string) (string, bool) {
	var out []byte
	keep := 0 // how much of out does not end in unquoted space
	quoted := false
	raw = strings.TrimLeft(raw, " \t")
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '"':
			quoted = !quoted
			keep = len(out)
			continue
		case c == '\\':
			i++
			if i == len(raw) {
				return "", false
			}
			at := strings.IndexByte(`\"ntb`, raw[i])
			if at < 0 {
				return "", false
			}
			c = "\\\"\n\t\b"[at]
			out = append(out, c)
			keep = len(out)
			continue
		case !quoted && (c == '#' || c == ';'):
			return string(out[:keep]), true
		}
		out = append(out, c)
		if quoted || c != ' ' && c != '\t' {
			keep = len(out)
		}
	}
	return string(out[:keep]), !quoted
}

// packedRef finds a ref's commit in a packed-refs file (git-pack-refs): a line per ref,
// "commit ref"; comments begin with "#", peeled tags with "^". "" is not found.
func packedRef(r io.Reader, ref string) string {
	const maxLine = 8 << 10
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		id, name, ok := bytes.Cut(lines.Bytes(), []byte(" "))
		if ok && string(name) == ref && hexCommit.Match(id) {
			return string(id)
		}
	}
	return ""
}
