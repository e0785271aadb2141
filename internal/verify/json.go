package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds the nesting of a log entry's body.
const maxDepth = 16

// object is the fields of one JSON object, with nothing after it. A field that occurs twice
// is refused: two readers would each believe another one. Names are compared exactly, where
// encoding/json takes "Subject" for "subject".
func object(data []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string)
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("field %q occurs twice", show(name))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return fields, nil
}

// str reads a JSON string, strictly: null and numbers are no strings. A field that is not
// there reads as "".
func str(raw json.RawMessage) (string, error) {
	if raw == nil {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", errors.New("not a string")
	}
	return *s, nil
}

// unambiguous checks JSON that other readers take less strictly: no name twice in an
// object, in whatever case, no deep nesting, and nothing after it.
func unambiguous(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := unambiguousValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

func unambiguousValue(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name := strings.ToLower(t.(string))
			if seen[name] {
				return fmt.Errorf("field %q occurs twice", show(name))
			}
			seen[name] = true
			if err := unambiguousValue(d, depth+1); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for d.More() {
			if err := unambiguousValue(d, depth+1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token()
	return err
}
