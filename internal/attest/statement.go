// Package attest writes what is signed: in-toto statements (in-toto Attestation
// Framework, "Statement" v1) and the predicates in them. The bytes are the same for the
// same values, whenever and wherever they are written.
//
// It is pure: it reads no file, clock, environment or network, and signs nothing.
package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// MaxSubjects is how many subjects a statement may have: GitHub's limit.
	MaxSubjects = 1024
	// MaxPredicate is how long a predicate's JSON may be, in bytes: GitHub's limit.
	MaxPredicate = 16 << 20
)

// Subject is an artifact that a statement is about (in-toto "ResourceDescriptor").
type Subject struct {
	// Name tells the subject apart from its siblings; it may be empty, which ties the
	// statement to a digest wherever it is found.
	Name string
	// Digest is algorithm ("sha256") to lower-case hex; at least one.
	Digest map[string]string
}

// statement and descriptor list their fields in the order in which they are written.
type statement struct {
	Type          string          `json:"_type"`
	Subject       []descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

type descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// Statement is an in-toto Statement v1 as compact JSON, map keys sorted and HTML
// characters as they are. The predicate is anything that encoding/json turns into an
// object. There are one to MaxSubjects subjects, in the order given, each with a digest.
func Statement(subjects []Subject, predicateType string, predicate any) ([]byte, error) {
	body, err := encode(predicate)
	if err != nil {
		return nil, fmt.Errorf("write statement %s: predicate: %w", predicateType, err)
	}
	if !bytes.HasPrefix(body, []byte("{")) {
		return nil, fmt.Errorf("write statement %s: the predicate is not a JSON object", predicateType)
	}
	if len(body) > MaxPredicate {
		return nil, fmt.Errorf("write statement %s: the predicate is %d bytes long, more than %d", predicateType, len(body), MaxPredicate)
	}
	if len(subjects) > MaxSubjects {
		return nil, fmt.Errorf("write statement %s: %d subjects, more than %d", predicateType, len(subjects), MaxSubjects)
	}
	s := statement{Type: intoto.StatementTypeUri, PredicateType: predicateType, Predicate: body}
	for _, subject := range subjects {
		s.Subject = append(s.Subject, descriptor{Name: subject.Name, Digest: subject.Digest})
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("write statement %s: %w", predicateType, err)
	}
	return encode(s)
}

// validate is in-toto's own validation, and what it leaves open: the digests' case, and
// names that are not UTF-8, which JSON would silently change.
func (s statement) validate() error {
	v := &intoto.Statement{Type: s.Type, PredicateType: s.PredicateType, Predicate: &structpb.Struct{}}
	for _, d := range s.Subject {
		if !utf8.ValidString(d.Name) {
			return fmt.Errorf("the subject's name %q is not UTF-8", d.Name)
		}
		for algorithm, hex := range d.Digest {
			if hex == "" || strings.Trim(hex, "0123456789abcdef") != "" {
				return fmt.Errorf("the subject %q has a %s digest that is not lower-case hex", d.Name, algorithm)
			}
		}
		v.Subject = append(v.Subject, &intoto.ResourceDescriptor{Name: d.Name, Digest: d.Digest})
	}
	return v.Validate()
}

// encode is v as compact JSON without a final newline. protojson will not do: it varies
// its white space on purpose, and what is signed must not vary.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
