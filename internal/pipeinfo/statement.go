package pipeinfo

import (
	"encoding/json"
	"errors"
	"fmt"
)

// statementType is the in-toto statement's (in-toto attestation v1).
const statementType = "https://in-toto.io/Statement/v1"

// place is the predicate of a documents' statement: it binds them to a step of a run.
type place struct {
	// Path is the directory of the step that signed.
	Path string `json:"path"`
	// RunInvocationURI is the step's, "" where it is not known.
	RunInvocationURI string `json:"runInvocationUri,omitempty"`
}

// statement is the in-toto statement over documents: each by its path relative to the
// repository and its SHA-256.
func statement(at place, documents ...document) ([]byte, error) {
	type subject struct {
		Name   string `json:"name"`
		Digest Digest `json:"digest"`
	}
	s := struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     place     `json:"predicate"`
	}{Type: statementType, PredicateType: DocumentsPredicateType, Predicate: at}
	for _, d := range documents {
		s.Subject = append(s.Subject, subject{d.path, Digest{d.sha256}})
	}
	return json.Marshal(s)
}

// covers checks that a verified statement is one over the document at its place, and
// returns the place of the step that signed.
func (v Verified) covers(d document) (place, error) {
	if v.PredicateType != DocumentsPredicateType {
		return place{}, fmt.Errorf("its bundle's predicate type is %q, not %q", show(v.PredicateType), DocumentsPredicateType)
	}
	sum, ok := v.Subjects[d.path]
	if !ok {
		return place{}, errors.New("its bundle does not name it as a document at this place")
	}
	if sum != d.sha256 {
		return place{}, errors.New("its bundle names another digest for it")
	}
	var at place
	if err := decodeStrict(v.Predicate, &at); err != nil {
		return place{}, fmt.Errorf("its bundle's predicate: %w", err)
	}
	return at, nil
}
