package pipeinfo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// Head is head.json: what every step of one attempt of a run says alike. It holds no time
// and no key, so that the steps make the same bytes.
type Head struct {
	Type string `json:"type"`
	// Pipeline and Branch are the names in the path, unescaped.
	Pipeline   string     `json:"pipeline"`
	Branch     string     `json:"branch"`
	Definition Definition `json:"definition"`
	Source     Source     `json:"source"`
	// Trigger is the event that started the run: "push", "schedule".
	Trigger string `json:"trigger,omitempty"`
	CI      CI     `json:"ci"`
}

// Definition is what the run does, by name, place and content.
type Definition struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"`
	// URI is the definition as a certificate names it (Fulcio's build config URI).
	URI    string `json:"uri,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Digest is that of the definition's bytes. Text is those bytes where they are UTF-8 and
	// at most MaxDefinition long.
	Digest *Digest `json:"digest,omitempty"`
	Text   string  `json:"text,omitempty"`
}

// Source is the repository and commit the run was started for.
type Source struct {
	URI        string `json:"uri"`
	Commit     string `json:"commit,omitempty"`
	Ref        string `json:"ref,omitempty"`
	ID         string `json:"id,omitempty"`
	OwnerURI   string `json:"ownerUri,omitempty"`
	OwnerID    string `json:"ownerId,omitempty"`
	Visibility string `json:"visibility,omitempty"`
}

// CI is where the run ran.
type CI struct {
	Name    string `json:"name"`
	Server  string `json:"server,omitempty"`
	Run     string `json:"run"`
	Number  string `json:"number,omitempty"`
	Attempt string `json:"attempt"`
	// URI is the page of the run, the same for all its jobs.
	URI string `json:"uri,omitempty"`
}

// HeadOf is the head of the build's run; its errors are PathOf's.
func HeadOf(b build.Build) (Head, error) {
	p, err := PathOf(b)
	if err != nil {
		return Head{}, err
	}
	h := Head{
		Type: HeadType, Pipeline: p.Pipeline, Branch: p.Branch, Trigger: b.Run.Trigger,
		Definition: Definition{Name: b.Definition.Name, Path: b.Definition.Path, URI: b.Definition.URI, Commit: b.Definition.Commit},
		Source: Source{
			URI: b.Source.URI, Commit: b.Source.Commit, Ref: b.Source.Ref, ID: b.Source.ID,
			OwnerURI: b.Source.OwnerURI, OwnerID: b.Source.OwnerID, Visibility: b.Source.Visibility,
		},
		CI: CI{Name: b.CI, Server: b.Server, Run: p.Run, Number: b.Run.Number, Attempt: p.Attempt, URI: b.Run.URI},
	}
	if t := b.Definition.Text; t != nil {
		h.Definition.Digest = &Digest{sumHex(t)}
		if len(t) <= MaxDefinition && utf8.Valid(t) {
			h.Definition.Text = string(t)
		}
	}
	return h, nil
}

// Path is the place of the run the head describes.
func (h Head) Path() RunPath {
	return RunPath{Pipeline: h.Pipeline, Branch: h.Branch, Run: h.CI.Run, Attempt: h.CI.Attempt}
}

// ParseHead reads a head.json. It refuses unknown versions and fields, and a head whose
// pipeline, branch or definition contradicts itself.
func ParseHead(data []byte) (Head, error) {
	var h Head
	err := decodeStrict(data, &h)
	if err == nil {
		err = h.check()
	}
	if err != nil {
		return Head{}, denied("read %s: %w", headFile, err)
	}
	return h, nil
}

func (h Head) check() error {
	if err := checkType(h.Type, HeadType); err != nil {
		return err
	}
	pipeline, err := pipelineOf(h.Source.URI, h.Definition.Path, h.Definition.Name, h.Definition.URI)
	if err != nil {
		return err
	}
	if h.Pipeline != pipeline {
		return fmt.Errorf("pipeline is %q, but source and definition make it %q", show(h.Pipeline), show(pipeline))
	}
	if b := (build.Source{Ref: h.Source.Ref}).Branch(); h.Branch != b {
		return fmt.Errorf("branch is %q, but the ref makes it %q", show(h.Branch), show(b))
	}
	if h.CI.Run == "" || h.CI.Attempt == "" {
		return errors.New("it names no run or no attempt")
	}
	if err := h.Path().check(); err != nil {
		return err
	}
	d := h.Definition
	if d.Digest == nil {
		if d.Text != "" {
			return errors.New("it has the definition's text without its digest")
		}
		return nil
	}
	if err := d.Digest.check("definition's digest"); err != nil {
		return err
	}
	if d.Text != "" && sumHex([]byte(d.Text)) != d.Digest.SHA256 {
		return errors.New("the definition's text does not have its digest")
	}
	return nil
}

// encode checks the head and writes it.
func (h Head) encode() ([]byte, error) {
	err := h.check()
	if err != nil {
		return nil, fault.New(fault.Usage, "write %s: %w", headFile, err)
	}
	return encode(h)
}

// bare is the head as a step writes it that has no checkout, and so cannot read the definition.
func (h Head) bare() Head {
	h.Definition.Digest, h.Definition.Text = nil, ""
	return h
}

// difference is one field that two heads of the same run do not say alike.
type difference struct{ field, stored, own string }

// compare finds the first field in which the stored head differs from this step's. The
// definition's text and digest may be missing on either side, since not every job has a
// checkout.
func compare(stored, own Head) (difference, bool) {
	for _, f := range []difference{
		{"pipeline", stored.Pipeline, own.Pipeline},
		{"branch", stored.Branch, own.Branch},
		{"definition.name", stored.Definition.Name, own.Definition.Name},
		{"definition.path", stored.Definition.Path, own.Definition.Path},
		{"definition.uri", stored.Definition.URI, own.Definition.URI},
		{"definition.commit", stored.Definition.Commit, own.Definition.Commit},
		{"source.uri", stored.Source.URI, own.Source.URI},
		{"source.commit", stored.Source.Commit, own.Source.Commit},
		{"source.ref", stored.Source.Ref, own.Source.Ref},
		{"source.id", stored.Source.ID, own.Source.ID},
		{"source.ownerUri", stored.Source.OwnerURI, own.Source.OwnerURI},
		{"source.ownerId", stored.Source.OwnerID, own.Source.OwnerID},
		{"source.visibility", stored.Source.Visibility, own.Source.Visibility},
		{"trigger", stored.Trigger, own.Trigger},
		{"ci.name", stored.CI.Name, own.CI.Name},
		{"ci.server", stored.CI.Server, own.CI.Server},
		{"ci.run", stored.CI.Run, own.CI.Run},
		{"ci.number", stored.CI.Number, own.CI.Number},
		{"ci.attempt", stored.CI.Attempt, own.CI.Attempt},
		{"ci.uri", stored.CI.URI, own.CI.URI},
	} {
		if f.stored != f.own {
			return f, true
		}
	}
	a, b := stored.Definition.Digest, own.Definition.Digest
	if a != nil && b != nil && *a != *b {
		return difference{"definition.digest", a.SHA256, b.SHA256}, true
	}
	return difference{}, false
}

// conflict is the refusal of a head that differs from the stored one. It is a matter of
// configuration (two steps tell one run differently), found before anything is signed and
// mended there, and so of kind Usage; no verification has said no.
func (f difference) conflict(run RunPath) error {
	return fault.New(fault.Usage, "pipeinfo of run %s: %s is %q there, but %q for this step", run, f.field, show(f.stored), show(f.own)).
		WithHint("every step of a run must describe it alike: correct the one that is wrong, or name another repository with --pipeinfo dir:PATH")
}

func sumHex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
