package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// claimsMatched compares what predicate and certificate both say. A difference is a refusal,
// with one exception: provenance that is about another run altogether, when a signer was
// expected by identity and issuer and nothing about source or predicate. Then the signer is
// trusted for what it says of others, and the predicate is shown as its claim.
//
// Without the exception a service that signs provenance for others could not be verified at
// all; sigstore-conformance has such a bundle among those that must be accepted.
func (c *verification) claimsMatched() error {
	if c.statement == nil || c.statement.predicateType != ProvenanceType && c.statement.predicateType != PipeinfoType {
		return nil
	}
	cert := c.out.Certificate
	if cert == nil {
		c.skipped(CheckClaims, "a key signed: the whole predicate is the producer's claim")
		return nil
	}
	predicate := c.statement.predicate
	buildType, err := field(predicate, "buildDefinition.buildType")
	if err != nil {
		return denied(CheckClaims, err)
	}
	table, known := claims(c.statement.predicateType, buildType)
	var checks []Check
	var contradiction error
	agree, differ := 0, 0 // of the fields that a run can be told by
	for _, row := range table {
		said, err := field(predicate, row.path)
		if err != nil {
			return denied(CheckClaims, err)
		}
		certified := row.certified(cert)
		if row.only != nil && !row.only(said) {
			certified = nil
		}
		check, err := compare(row.path, said, certified)
		switch {
		case err != nil:
			contradiction = cmp.Or(contradiction, err)
			if row.run {
				differ++
			}
		case check != nil:
			checks = append(checks, *check)
			if row.run && check.Result == Checked {
				agree++
			}
		}
	}
	if contradiction != nil {
		if agree > 0 || differ < anotherRun || !known || !c.expect.signerAlone() || c.statement.predicateType != ProvenanceType {
			return contradiction
		}
		c.skipped(CheckClaims, "the predicate is about another run than the one that signed it: all of it is the producer's claim")
		return nil
	}
	c.out.Checks = append(c.out.Checks, checks...)
	if !known {
		c.skipped(CheckClaims, "the build type is not known: its parameters are the producer's claim")
	}
	list := "buildDefinition.resolvedDependencies"
	if c.statement.predicateType == PipeinfoType {
		list = "inputs"
	}
	return c.sourceMatched(predicate, list, cert.Extensions)
}

// anotherRun is how many fields must tell two runs apart, and none hold them together, for
// them to be two: repository, run and builder at least.
const anotherRun = 3

// compare holds one claim against the values that agree with the certificate. What the
// certificate does not say stays the producer's claim; what is not claimed is no check.
func compare(path, said string, certified []string) (*Check, error) {
	certified = slices.DeleteFunc(certified, func(s string) bool { return s == "" })
	switch {
	case said == "":
		return nil, nil
	case len(certified) == 0:
		return &Check{path, NotChecked, "the producer's claim, " + said}, nil
	case !slices.Contains(certified, said):
		return nil, deniedf(CheckClaims, "%s is %q, and the certificate says %q", path, show(said), show(certified[0]))
	}
	return &Check{path, Checked, said}, nil
}

// sourceMatched compares the commit of every dependency that is the source: the repository
// of the certificate, at its ref or at none. A checkout of something else is another
// dependency, which the certificate knows nothing of. A certificate that has a commit and
// no repository, as Buildkite's, leaves it to the predicate which one that is.
func (c *verification) sourceMatched(predicate json.RawMessage, list string, x extensions) error {
	raw, err := value(predicate, list)
	if err != nil {
		return denied(CheckClaims, err)
	}
	if x.SourceRepositoryURI == "" && x.SourceRepositoryDigest != "" {
		if x.SourceRepositoryURI, err = field(predicate, "buildDefinition.externalParameters.source"); err != nil {
			return denied(CheckClaims, err)
		}
	}
	if raw == nil || x.SourceRepositoryURI == "" {
		return nil
	}
	var dependencies []json.RawMessage
	if err := json.Unmarshal(raw, &dependencies); err != nil {
		return deniedf(CheckClaims, "%s is no list", list)
	}
	for i, d := range dependencies {
		path := fmt.Sprintf("%s[%d].digest.gitCommit", list, i)
		uri, err := field(d, "uri")
		if err != nil {
			return deniedf(CheckClaims, "%s[%d]: %w", list, i, err)
		}
		if !isSource(uri, x) {
			continue
		}
		commit, err := field(d, "digest.gitCommit")
		if err != nil {
			return deniedf(CheckClaims, "%s[%d]: %w", list, i, err)
		}
		check, err := compare(path, commit, []string{x.SourceRepositoryDigest})
		if err != nil {
			return err
		}
		if check != nil {
			c.out.Checks = append(c.out.Checks, *check)
		}
	}
	return nil
}

// isSource tells whether a dependency's URI, "git+<repository>@<ref>" (SPDX download
// location), is the certificate's source.
func isSource(uri string, x extensions) bool {
	rest, ok := strings.CutPrefix(uri, "git+")
	if !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, x.SourceRepositoryURI); !ok {
		return false
	}
	ref, has := strings.CutPrefix(strings.TrimPrefix(rest, ".git"), "@")
	return !has && ref == "" || has && (x.SourceRepositoryRef == "" || slices.Contains(fullRefs(x.SourceRepositoryRef), ref))
}

// value is what stands at a path of fields, nil where nothing does.
func value(data json.RawMessage, path string) (json.RawMessage, error) {
	for _, name := range strings.Split(path, ".") {
		if data == nil || string(data) == "null" {
			return nil, nil
		}
		fields, err := object(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		data = fields[name]
	}
	if string(data) == "null" {
		return nil, nil
	}
	return data, nil
}

// field is the string, or the number as it is written, at a path of fields; "" where there
// is none.
func field(data json.RawMessage, path string) (string, error) {
	raw, err := value(data, path)
	if raw == nil || err != nil {
		return "", err
	}
	var n json.Number
	if s, err := str(raw); err == nil {
		return s, nil
	}
	if raw[0] != '"' && json.Unmarshal(raw, &n) == nil {
		return n.String(), nil
	}
	return "", errors.New(path + " is no string")
}
