package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// The kinds of statements that a run signs.
const (
	// KindSignature is cosign's signature statement, for images only.
	KindSignature = "signature"
	// KindProvenance is SLSA provenance v1.
	KindProvenance = "provenance"
	// KindPipeinfo is the step's own record as a predicate.
	KindPipeinfo = "pipeinfo"
)

// Kinds are all kinds, in the order in which they are signed.
func Kinds() []string { return []string{KindSignature, KindProvenance, KindPipeinfo} }

// maxSubjects is how many files share one statement, the most that GitHub's store takes.
const maxSubjects = 1024

// plan is one statement that is to be signed, and how far it is.
type plan struct {
	kind          string
	predicateType string
	subjects      []subject.Subject
	// name is the bundle's file name without its suffix. It depends on what is said of what,
	// by which run of which source, with which instance and log, and on nothing else: a second
	// try finds it again.
	name string

	statement []byte
	bundle    []byte
	// signer is the certificate's identity.
	signer string
	// logged tells that the envelope is in a log, perhaps without being a bundle yet.
	logged bool
	att    *Attestation
}

// plans are the statements for the subjects: for an image one of each kind, so that the
// names of its siblings do not travel with it; for files one of each kind for every
// maxSubjects of them. A Go binary has provenance of its own, because its dependencies are
// not its siblings': they differ with GOOS and tags. how says by which instance and with
// which log they are signed.
func plans(b build.Build, how string, subjects []subject.Subject, kinds []string) ([]*plan, error) {
	var images, files []subject.Subject
	for _, s := range subjects {
		if s.Kind == subject.Image {
			images = append(images, s)
		} else {
			files = append(files, s)
		}
	}
	var out []*plan
	add := func(kind string, group []subject.Subject) {
		out = append(out, newPlan(b, how, kind, group))
	}
	for _, image := range images {
		for _, kind := range Kinds() {
			if slices.Contains(kinds, kind) {
				add(kind, []subject.Subject{image})
			}
		}
	}
	for _, kind := range Kinds() {
		if kind == KindSignature || !slices.Contains(kinds, kind) {
			continue
		}
		shared := files
		if kind == KindProvenance {
			shared = nil
			for _, f := range files {
				if f.Go != nil {
					add(kind, []subject.Subject{f})
				} else {
					shared = append(shared, f)
				}
			}
		}
		for group := range slices.Chunk(shared, maxSubjects) {
			add(kind, group)
		}
	}
	if len(files) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return k != KindSignature }) {
		return nil, fault.New(fault.Usage, "%s is no image, and only images have a signature statement", files[0].Name).
			WithHint("add provenance or pipeinfo to --attest")
	}
	return out, nil
}

func newPlan(b build.Build, how, kind string, group []subject.Subject) *plan {
	p := &plan{kind: kind, predicateType: predicateTypes[kind], subjects: group}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q\n", b.Source.URI, b.Source.Commit, b.Source.Ref, b.Definition.URI, b.Builder.ID)
	fmt.Fprintf(h, "%q %q %q %q %q %q\n", how, kind, p.predicateType, b.Run.InvocationURI, b.Run.Attempt, b.Run.Step)
	for _, s := range group {
		fmt.Fprintf(h, "%q %q\n", s.Name, s.Digest.String())
	}
	label := fileLabel(group[0].Name)
	if _, image := p.image(); image {
		label = "image-" + label
	} else if len(group) > 1 {
		label = fmt.Sprintf("%d-files", len(group))
	}
	p.name = label + "-" + hex.EncodeToString(h.Sum(nil))[:12] + "." + kind
	p.att = &Attestation{Kind: kind, PredicateType: p.predicateType}
	for _, s := range group {
		p.att.Subjects = append(p.att.Subjects, s.Name)
	}
	return p
}

// predicateTypes are the predicate types of the kinds.
var predicateTypes = map[string]string{
	KindSignature:  attest.SignatureType,
	KindProvenance: attest.ProvenanceType,
	KindPipeinfo:   pipeinfo.PredicateType,
}

// fileLabel is the readable beginning of a bundle's name.
func fileLabel(name string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, path.Base(name))
	label = strings.TrimLeft(label, ".-")
	if label == "" {
		label = "subject"
	}
	return label[:min(len(label), 80)]
}

// attested are the subjects as the statement lists them.
func (p *plan) attested() []attest.Subject {
	out := make([]attest.Subject, len(p.subjects))
	for i, s := range p.subjects {
		out[i] = attest.Subject{Name: s.Name, Digest: s.Digest.Map()}
	}
	return out
}

// image is the image that the statement is about, if it is about one.
func (p *plan) image() (subject.Subject, bool) {
	return p.subjects[0], p.subjects[0].Kind == subject.Image
}

// says tells whether a statement is of the plan's type and about its subjects.
func (p *plan) says(statement []byte) bool {
	var s struct {
		PredicateType string           `json:"predicateType"`
		Subject       []verify.Subject `json:"subject"`
	}
	return json.Unmarshal(statement, &s) == nil && s.PredicateType == p.predicateType && sameSubjects(s.Subject, p.subjects) == nil
}

// lasting tells whether something of it was signed or logged.
func (p *plan) lasting() bool { return p.bundle != nil || p.logged }

// remaining says what is left to do, or "".
func (p *plan) remaining(publish bool) string {
	what := p.kind + " of " + p.subjects[0].Name
	if n := len(p.subjects); n > 1 {
		what += fmt.Sprintf(" and %d more", n-1)
	}
	_, image := p.image()
	switch {
	case p.bundle == nil && p.logged:
		return "finish the " + what + ", which is logged"
	case p.bundle == nil:
		return "sign the " + what
	case image && publish && len(p.att.Locations) == 0:
		return "publish the " + what
	}
	return ""
}
