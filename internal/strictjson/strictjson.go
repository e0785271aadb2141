// Package strictjson refuses JSON that two readers may understand differently. It decodes
// nothing: what passes is read with encoding/json.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep objects and lists may stand in one another.
const MaxDepth = 16

// Check refuses what is not exactly one JSON value in UTF-8: with something after it, nested
// more than MaxDepth deep, or with an object that has a name twice, in whatever case, for
// encoding/json takes "Subject" for "subject" (RFC 8259, 4: names should be unique). The
// error quotes the input: make it safe before it is printed.
func Check(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := value(d, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// Object is Check for a value that must be an object.
func Object(data []byte) error {
	if err := Check(data); err != nil {
		return err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object")
	}
	return nil
}

func value(d *json.Decoder, depth int) error {
	if depth > MaxDepth {
		return errors.New("nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		err = members(d, depth)
	case json.Delim('['):
		for err == nil && d.More() {
			err = value(d, depth+1)
		}
	default:
		return nil
	}
	if err != nil {
		return err
	}
	_, err = d.Token()
	return err
}

func members(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errors.New("a field has no name")
		}
		fold := strings.ToLower(name)
		if seen[fold] {
			return fmt.Errorf("field %q occurs twice", name)
		}
		seen[fold] = true
		if err := value(d, depth+1); err != nil {
			return err
		}
	}
	return nil
}
