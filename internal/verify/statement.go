package verify

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// The statements that are read (in-toto attestation framework, "Statement"). Version 0.1 is
// what older producers signed; the two have the same fields.
const (
	statementV1  = "https://in-toto.io/Statement/v1"
	statementV01 = "https://in-toto.io/Statement/v0.1"
)

// Limits of a statement, those of sigstore-go and of GitHub's store.
const (
	maxSubjects = 1024
	maxDigests  = 32
)

// statement is an in-toto statement.
type statement struct {
	predicateType string
	subjects      []Subject
	predicate     json.RawMessage
}

// stated reads the signed statement. It runs after the signature was checked.
func (c *verification) stated() error {
	if c.bundle.envelope == nil {
		return nil
	}
	s, err := parseStatement(c.bundle.payload)
	if err != nil {
		return denied(CheckStatement, err)
	}
	c.statement = s
	c.out.Statement, c.out.PredicateType, c.out.Subjects, c.out.Predicate = c.bundle.payload, s.predicateType, s.subjects, s.predicate
	return nil
}

func parseStatement(data []byte) (*statement, error) {
	fields, err := object(data)
	if err != nil {
		return nil, err
	}
	kind, err := str(fields["_type"])
	if err != nil {
		return nil, fmt.Errorf("_type: %w", err)
	}
	if kind != statementV1 && kind != statementV01 {
		return nil, fmt.Errorf("_type %q is not known", show(kind))
	}
	s := &statement{predicate: fields["predicate"]}
	if s.predicateType, err = str(fields["predicateType"]); err != nil || s.predicateType == "" {
		return nil, errors.New("it has no predicateType")
	}
	var subjects []json.RawMessage
	if err := json.Unmarshal(fields["subject"], &subjects); err != nil {
		return nil, errors.New("it has no list of subjects")
	}
	if n := len(subjects); n == 0 || n > maxSubjects {
		return nil, fmt.Errorf("it has %d subjects, not 1 to %d", n, maxSubjects)
	}
	for i, raw := range subjects {
		subject, err := parseSubject(raw)
		if err != nil {
			return nil, fmt.Errorf("subject %d: %w", i, err)
		}
		s.subjects = append(s.subjects, subject)
	}
	return s, nil
}

func parseSubject(data []byte) (Subject, error) {
	fields, err := object(data)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Digest: map[string]string{}}
	if s.Name, err = str(fields["name"]); err != nil {
		return Subject{}, fmt.Errorf("name: %w", err)
	}
	digests, err := object(fields["digest"])
	if err != nil {
		return Subject{}, fmt.Errorf("digest: %w", err)
	}
	if n := len(digests); n == 0 || n > maxDigests {
		return Subject{}, fmt.Errorf("it has %d digests, not 1 to %d", n, maxDigests)
	}
	for algorithm, raw := range digests {
		if s.Digest[algorithm], err = str(raw); err != nil {
			return Subject{}, fmt.Errorf("digest: %w", err)
		}
	}
	return s, nil
}

// about compares the subjects with the artifact's digest, always and exactly.
func (c *verification) about() error {
	if c.statement == nil {
		return nil // signed compared the message's digest before it verified it
	}
	for _, s := range c.statement.subjects {
		if s.Digest[c.digest.Algorithm] == c.digest.Hex {
			c.checked(CheckSubject, c.digest.String())
			return nil
		}
	}
	if n := len(c.statement.subjects); n > 1 {
		return deniedf(CheckSubject, "the artifact, %s, is none of the statement's %d subjects", c.digest, n)
	}
	s := c.statement.subjects[0]
	have := s.Digest[c.digest.Algorithm]
	if have == "" {
		have = "no " + c.digest.Algorithm
	}
	return deniedf(CheckSubject, "the artifact is %s, and the statement is about %q with %s", c.digest, show(s.Name), show(have))
}

// aboutMessage compares the digest that a message signature states with the artifact's. The
// stated one is only a hint; the signature is verified over the artifact's.
func (c *verification) aboutMessage() error {
	if c.bundle.algorithm != c.digest.Algorithm {
		return deniedf(CheckSubject, "the artifact's %s is known, and the bundle signs a %s", c.digest.Algorithm, c.bundle.algorithm).
			WithHint("name the file itself, or its digest as %s:HEX", c.bundle.algorithm)
	}
	if stated := hex.EncodeToString(c.bundle.digest); stated != c.digest.Hex {
		return deniedf(CheckSubject, "the artifact is %s, and the bundle is about %s:%s", c.digest, c.bundle.algorithm, stated)
	}
	c.checked(CheckSubject, c.digest.String())
	return nil
}

// digestSizes are the digests of artifacts that are compared, with their sizes in bytes.
var digestSizes = map[string]int{
	"sha256": crypto.SHA256.Size(),
	"sha384": crypto.SHA384.Size(),
	"sha512": crypto.SHA512.Size(),
}

// check refuses a digest that is none.
func (d Digest) check() error {
	size := digestSizes[d.Algorithm]
	if b, err := hex.DecodeString(d.Hex); size == 0 || err != nil || len(b) != size || hex.EncodeToString(b) != d.Hex {
		return fault.New(fault.Usage, "%q is no digest of an artifact", show(d.String())).WithHint("write sha256:HEX or sha512:HEX, in lower case")
	}
	return nil
}

func (d Digest) bytes() []byte {
	b, _ := hex.DecodeString(d.Hex) // check has read it
	return b
}
