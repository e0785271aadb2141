package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// maxCandidates is how many bundles of one type are read from an image's repository to find
// one that this step has published already.
const maxCandidates = 64

// adoptKept takes over the bundles that an earlier try left in the output directory.
func (r *run) adoptKept(ctx context.Context) error {
	for _, p := range r.plans {
		data, err := r.out.bundle(p.name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		if err := r.adopt(ctx, p, data, true); err != nil {
			return fault.New(fault.Denied, "%s is not what this step signed: %w", r.out.join(p.name+BundleSuffix), err).
				WithHint("find out who wrote it, then remove it or name another directory with --out")
		}
	}
	return nil
}

// adoptPublished takes over what the image's repository holds already for the same verified
// invocation, attempt, step, type and subject: it is neither signed nor written again.
func (r *run) adoptPublished(ctx context.Context, group []*plan, found []store.Found) error {
	for _, p := range group {
		tried := 0
		for _, f := range slices.Backward(found) {
			if p.bundle != nil || f.PredicateType != "" && f.PredicateType != p.predicateType || tried == maxCandidates {
				continue
			}
			tried++
			bundle, err := f.Fetch(ctx)
			if kind := fault.KindOf(err); err != nil && kind != fault.Denied && kind != fault.Usage {
				return err
			}
			// What is malformed, or somebody else's, is no obstacle.
			if err != nil || !r.ours(ctx, p, bundle) {
				continue
			}
			if err := r.adopt(ctx, p, bundle, true); err != nil {
				return err
			}
			p.att.Locations = append(p.att.Locations, f.Location.URI)
		}
	}
	return nil
}

// verifyOwn verifies a bundle and that it is what the plan says: of this identity's issuer,
// invocation, attempt and step, of the plan's type, about the plan's subjects and no others.
func (r *run) verifyOwn(ctx context.Context, p *plan, bundle []byte) (*verify.Attestation, error) {
	first := p.subjects[0].Digest
	a, err := r.verifier.Verify(ctx, bundle, verify.Digest{Algorithm: first.Algorithm, Hex: first.Hex}, verify.Expectation{
		Issuer:        r.res.Identity.Issuer,
		PredicateType: p.predicateType,
	})
	if err != nil {
		return nil, err
	}
	name, err := r.ownName(ctx)
	if err != nil {
		return nil, err
	}
	if a.Certificate.Identity != name {
		return nil, fmt.Errorf("it was signed by %s, this step is %s", a.Certificate.Identity, name)
	}
	if uri := a.Certificate.Extensions.RunInvocationURI; uri != "" && uri != r.build.Run.InvocationURI {
		return nil, fmt.Errorf("it was signed by the run %s, this is %s", uri, r.build.Run.InvocationURI)
	}
	if err := sameSubjects(a.Subjects, p.subjects); err != nil {
		return nil, err
	}
	return a, r.sameClaims(p, a.Predicate)
}

// ours tells whether a bundle that a registry gave out is what this step published. Anybody
// who may write there may have: the certificate must name the run, or the predicate must.
func (r *run) ours(ctx context.Context, p *plan, bundle []byte) bool {
	a, err := r.verifyOwn(ctx, p, bundle)
	return err == nil && (a.Certificate.Extensions.RunInvocationURI != "" || p.kind != KindSignature)
}

// ownName is the identity that a certificate for this step has: what it had at an earlier
// try or has now, or what the public Fulcio makes of GitHub's workflow and GitLab's
// definition. Elsewhere only the certificate authority knows, so the certificate is asked for.
func (r *run) ownName(ctx context.Context) (string, error) {
	switch {
	case r.note.Identity != "":
		return r.note.Identity, nil
	case r.build.CI == "github" && r.build.Builder.ID != "":
		return r.build.Builder.ID, nil
	case r.build.CI == "gitlab" && r.build.Definition.URI != "":
		return r.build.Definition.URI, nil
	}
	cert, err := r.key.Certificate(ctx)
	if err != nil {
		return "", err
	}
	return nameOf(cert), nil
}

func sameSubjects(got []verify.Subject, want []subject.Subject) error {
	if len(got) != len(want) {
		return fmt.Errorf("it has %d subjects, not %d", len(got), len(want))
	}
	have := map[string]bool{}
	for _, s := range got {
		for algorithm, hex := range s.Digest {
			have[algorithm+":"+hex] = true
		}
	}
	for _, s := range want {
		if !have[s.Digest.String()] {
			return fmt.Errorf("%s is not among its subjects", s.Name)
		}
	}
	return nil
}

// sameClaims compares a predicate with the one that this try would sign: all but the times,
// the key, the program's version, the record's head and which jobs the run had by then, which
// may differ from try to try.
func (r *run) sameClaims(p *plan, predicate json.RawMessage) error {
	statement, err := r.statement(p)
	if err != nil {
		return err
	}
	var own struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(statement, &own); err != nil {
		return err
	}
	want, err := claimsOf(own.Predicate)
	if err != nil {
		return err
	}
	got, err := claimsOf(predicate)
	if err != nil {
		return fmt.Errorf("its predicate: %w", err)
	}
	if !reflect.DeepEqual(got, want) {
		return errors.New("it claims another run, step, source or builder than this try would")
	}
	return nil
}

// claimsOf is a predicate without what differs from try to try.
func claimsOf(predicate json.RawMessage) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(predicate, &all); err != nil {
		return nil, err
	}
	for _, path := range [][]string{
		// of provenance
		{"runDetails", "metadata", "startedOn"},
		{"runDetails", "metadata", "finishedOn"},
		{"buildDefinition", "internalParameters", "pipeseal", "version"},
		{"buildDefinition", "internalParameters", "pipeseal", "isolation", "jobs"},
		// of pipeinfo
		{"startedOn"}, {"finishedOn"}, {"try"}, {"key"}, {"pipeseal"}, {"head"},
	} {
		at := all
		for _, name := range path[:len(path)-1] {
			at, _ = at[name].(map[string]any)
		}
		delete(at, path[len(path)-1])
	}
	return all, nil
}
