package pipeinfo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/strictjson"
)

// encode is the one way a document is written: two spaces of indent, fields in the order of
// docs/pipeinfo.md, no HTML escapes, a newline at the end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if b.Len() > MaxDocument {
		return nil, fmt.Errorf("the document has %d bytes, more than %d", b.Len(), MaxDocument)
	}
	return b.Bytes(), nil
}

// decodeStrict reads one JSON object and nothing after it: no field v does not have, no
// field twice (in any case), no deep nesting, at most MaxDocument bytes.
func decodeStrict(data []byte, v any) error {
	if len(data) > MaxDocument {
		return fmt.Errorf("larger than %d bytes", MaxDocument)
	}
	if err := strictjson.Object(data); err != nil {
		return plainJSON(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return plainJSON(d.Decode(v))
}

// plainJSON makes what a JSON error quotes safe to print.
func plainJSON(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(show(err.Error()))
}

// Digest is the SHA-256 of a document, a definition, a bundle or a key, lower-case hex.
type Digest struct {
	SHA256 string `json:"sha256"`
}

// isHex tells whether s is from 1 to 128 bytes in lower-case hex.
func isHex(s string) bool {
	return 0 < len(s) && len(s) <= 256 && len(s)%2 == 0 && strings.Trim(s, "0123456789abcdef") == ""
}

func isSHA256(s string) bool { return len(s) == 64 && isHex(s) }

// isAlgorithm tells whether s may be the name of a digest's algorithm.
func isAlgorithm(s string) bool {
	word := func(r rune) bool {
		return r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	}
	return 0 < len(s) && len(s) <= 32 && strings.TrimFunc(s, word) == ""
}

func (d Digest) check(what string) error {
	if !isSHA256(d.SHA256) {
		return fmt.Errorf("%s is no SHA-256: %q", what, show(d.SHA256))
	}
	return nil
}

// checkTime refuses a time that is not written in UTC and whole seconds.
func checkTime(what string, t time.Time) error {
	if t.IsZero() || t.Location() != time.UTC || t.Nanosecond() != 0 {
		return fmt.Errorf("%s is no RFC 3339 time in UTC and whole seconds", what)
	}
	return nil
}

func checkType(got, want string) error {
	if got != want {
		return fmt.Errorf("type is %q; this program reads %q", show(got), want)
	}
	return nil
}
