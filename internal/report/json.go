package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// JSON writes v indented, with a newline at its end. It is the same JSON to a parser, and
// text to a terminal and a CI: what either would obey is escaped.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, harmless(b.String()))
	return err
}

// harmless escapes, in the strings of a JSON text, control and format characters and the
// beginnings of a CI's commands, "::" and "##". Neither stands outside of a string.
func harmless(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	last := rune(0)
	for _, r := range text {
		switch {
		case r == last && (r == ':' || r == '#'), r != '\n' && unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r <= 0xffff:
			fmt.Fprintf(&b, "\\u%04x", r)
			last = 0
			continue
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}
