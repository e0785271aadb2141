package ci

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/strictjson"
)

const (
	// maxMatrix is how long a matrix may be, in bytes of JSON.
	maxMatrix = 16 << 10
	// maxMembers is how long its values may be in a step's name, in bytes; of longer ones the
	// name has the beginning and a digest.
	maxMembers = 160
)

// matrix is what tells one job of a matrix from the others: names to values.
type matrix map[string]any

// parseMatrix reads a JSON object as GitHub's toJSON(matrix) gives it. "" and "null", which is
// what a job without a matrix gets, and an empty object are no matrix.
func parseMatrix(s string) (matrix, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "null" {
		return nil, nil
	}
	if len(s) > maxMatrix {
		return nil, noMatrix(fmt.Errorf("is %d bytes long, more than %d", len(s), maxMatrix))
	}
	if err := strictjson.Object([]byte(s)); err != nil {
		return nil, noMatrix(fmt.Errorf("is not one JSON object: %s", short(err.Error())))
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m matrix
	if err := d.Decode(&m); err != nil {
		return nil, noMatrix(errors.New("is not one JSON object"))
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

func noMatrix(err error) error {
	return fault.New(fault.Usage, "--matrix %w", err).WithHint("give it the matrix as the CI has it, on GitHub ${{ toJSON(matrix) }}")
}

// canonical is the matrix as compact JSON, names in order, numbers as they were written.
func (m matrix) canonical() json.RawMessage {
	if m == nil {
		return nil
	}
	return compact(map[string]any(m))
}

// compact is a value that was decoded from JSON, as JSON.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// What was decoded can be encoded.
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// name is the job's name with the values, in order of their names: "build (linux, amd64)", as
// GitHub itself names the jobs of a matrix. Values that are no text are compact JSON. Long ones
// are cut, and a digest of the whole matrix keeps the name unique.
func (m matrix) name(job string) string {
	if m == nil {
		return job
	}
	values := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v, plain := m[k].(string)
		if !plain || strings.ContainsFunc(v, unicode.IsControl) {
			v = string(compact(m[k]))
		}
		values = append(values, v)
	}
	list := strings.Join(values, ", ")
	if len(list) > maxMembers {
		sum := sha256.Sum256(m.canonical())
		end := "… " + hex.EncodeToString(sum[:8])
		list = list[:maxMembers-len(end)]
		for !utf8.ValidString(list) {
			list = list[:len(list)-1]
		}
		list += end
	}
	return job + " (" + list + ")"
}
