package subject

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// MaxChecksums is how long a checksum file may be, in bytes.
const MaxChecksums = 16 << 20

// entry is one line of a checksum file.
type entry struct {
	line   int
	name   string
	digest Hash
}

var (
	// gnuLine is a line of sha256sum: the digest, a space, a space (text) or an asterisk
	// (binary), and the name. A backslash before it tells that the name is escaped.
	gnuLine = regexp.MustCompile(`^(\\?)([0-9A-Fa-f]+) [ *](.+)$`)
	// bsdLine is a line of "sha256sum --tag" and of the BSDs' sha256.
	bsdLine = regexp.MustCompile(`^(\\?)([A-Z0-9-]+) ?\((.+)\) ?= ([0-9A-Fa-f]+)$`)
)

// parseChecksums reads a checksum file as GNU coreutils and the BSDs write it: one
// "HEX  NAME", "HEX *NAME" or "SHA256 (NAME) = HEX" a line, where a leading backslash
// announces \\, \n and \r in the name. Lines may end in CRLF; empty lines and lines that
// begin with # are skipped. Names are relative slash paths, made clean. An error names
// the line.
func parseChecksums(text []byte) ([]entry, error) {
	var entries []entry
	first := map[string]entry{}
	for i, line := range bytes.Split(text, []byte("\n")) {
		s := strings.TrimSuffix(string(line), "\r")
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		e, err := parseLine(s)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		e.line = i + 1
		if other, ok := first[e.name]; ok {
			if other.digest != e.digest {
				return nil, fmt.Errorf("lines %d and %d give %s different digests", other.line, e.line, quote(e.name))
			}
			continue
		}
		if len(entries) == MaxSubjects {
			return nil, tooMany()
		}
		first[e.name] = e
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, errors.New("it lists nothing")
	}
	return entries, nil
}

func parseLine(s string) (entry, error) {
	var escaped bool
	var name, value string
	if m := gnuLine.FindStringSubmatch(s); m != nil {
		escaped, value, name = m[1] != "", m[2], m[3]
	} else if m := bsdLine.FindStringSubmatch(s); m != nil {
		if m[2] != "SHA256" {
			return entry{}, fmt.Errorf("%s is not SHA256", quote(m[2]))
		}
		escaped, name, value = m[1] != "", m[3], m[4]
	} else {
		return entry{}, fmt.Errorf("%s is not a checksum and a name", quote(s))
	}
	digest, err := ParseHash("sha256:" + strings.ToLower(value))
	if err != nil {
		return entry{}, fmt.Errorf("%d digits are not a SHA-256", len(value))
	}
	if escaped {
		if name, err = unescape(name); err != nil {
			return entry{}, err
		}
	}
	if err := checkName(name); err != nil {
		return entry{}, err
	}
	clean := path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(clean)) || clean == "." {
		return entry{}, fmt.Errorf("%s is not a path below the checksum file", quote(name))
	}
	return entry{name: clean, digest: digest}, nil
}

// unescape undoes what coreutils does to names with a backslash, a newline or a carriage return.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("%s ends in a backslash", quote(s))
		}
		switch s[i] {
		case '\\':
			b.WriteByte('\\')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		default:
			return "", fmt.Errorf("%s has an unknown escape", quote(s))
		}
	}
	return b.String(), nil
}

// looksLikeChecksums tells whether a file begins as a checksum file does.
func looksLikeChecksums(ws *workspace, name string) bool {
	f, err := ws.open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, maxName+128)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	for s := range strings.Lines(string(head[:n])) {
		s = strings.TrimRight(s, "\r\n")
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		_, err := parseLine(s)
		return err == nil
	}
	return false
}

// addChecksums takes the digests of a checksum file as they stand. Names are the file's
// own; where such a file is present beside the checksum file, it must have that digest.
func (c *collection) addChecksums(ws *workspace, arg, file string) error {
	name, err := ws.name(file)
	if err != nil {
		return err
	}
	info, err := ws.regular(name)
	if err != nil {
		return err
	}
	text, err := readFile(ws, name, info)
	if err != nil {
		return err
	}
	entries, err := parseChecksums(text)
	if err != nil {
		return fault.New(fault.Usage, "checksum file %s: %w", quote(name), err).
			WithHint("write it with: sha256sum FILE…")
	}
	for _, e := range entries {
		p := &pending{
			Subject: Subject{Kind: Digest, Name: e.name, Ref: arg, Digest: e.digest},
			ws:      ws, path: path.Join(path.Dir(name), e.name), listed: fmt.Sprintf("%s line %d", quote(name), e.line),
		}
		queue := &c.files
		info, err := ws.stat(p.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			queue = nil
		case err != nil:
			return ws.explain(p.path, err)
		case !info.Mode().IsRegular():
			return fault.New(fault.Usage, "%s names %s, which is not a file", p.listed, quote(p.path)).WithHint("list files only")
		default:
			p.info, p.Size = info, info.Size()
		}
		if err := c.put(p, queue); err != nil {
			return err
		}
	}
	return nil
}

func readFile(ws *workspace, name string, info fs.FileInfo) ([]byte, error) {
	if info.Size() > MaxChecksums {
		return nil, fault.New(fault.Usage, "checksum file %s is larger than %d bytes", quote(name), MaxChecksums).WithHint("name a checksum file")
	}
	f, err := ws.open(name)
	if err != nil {
		return nil, ws.explain(name, err)
	}
	defer f.Close()
	text, err := remote.ReadAll(f, MaxChecksums)
	if err != nil {
		return nil, fault.New(fault.Usage, "read checksum file %s: %w", quote(name), err).WithHint("name a checksum file")
	}
	return text, nil
}
