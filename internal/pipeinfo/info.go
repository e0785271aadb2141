package pipeinfo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Info is info.json: the run as whoever closed it found it.
type Info struct {
	Type string `json:"type"`
	// Path is the run's, Head the digest of its head.json.
	Path   string `json:"path"`
	Head   Digest `json:"head"`
	Status Status `json:"status"`
	// Steps are the documents of the steps of this attempt, in order of path; Inherited
	// those of steps that only earlier attempts ran, from the latest that did.
	Steps     []StepEntry `json:"steps"`
	Inherited []StepEntry `json:"inherited,omitempty"`
	// Unfinished are the names of steps that began and left no document.
	Unfinished []string  `json:"unfinished,omitempty"`
	ClosedBy   Closer    `json:"closedBy"`
	ClosedOn   time.Time `json:"closedOn"`
}

// StepEntry is one document of a step.
type StepEntry struct {
	Name string `json:"name"`
	// Path is the document's, relative to the repository.
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
	Status Status `json:"status"`
}

// Last is the last document of each step, inherited ones too, in order of name.
func (i Info) Last() []StepEntry {
	list := slices.Concat(i.Steps, i.Inherited)
	// A later document of a step has a longer name, or one that is greater: "step.json",
	// "step-2.json", "step-10.json".
	slices.SortFunc(list, func(a, b StepEntry) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(len(b.Path), len(a.Path)), strings.Compare(b.Path, a.Path))
	})
	return slices.CompactFunc(list, func(a, b StepEntry) bool { return a.Name == b.Name })
}

// Closer is who closed a run.
type Closer struct {
	// Identity and Issuer are those of the certificate, Step the step's name; "" where there is none.
	Identity string `json:"identity,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
	Step     string `json:"step,omitempty"`
	// Key is the SHA-256 of the closer's public key (DER SubjectPublicKeyInfo).
	Key Digest `json:"key"`
}

// ParseInfo reads an info.json.
func ParseInfo(data []byte) (Info, error) {
	var i Info
	err := decodeStrict(data, &i)
	if err == nil {
		err = i.check()
	}
	if err != nil {
		return Info{}, denied("read %s: %w", infoFile, err)
	}
	return i, nil
}

func (i Info) check() error {
	if err := checkType(i.Type, InfoType); err != nil {
		return err
	}
	if _, err := ParsePath(i.Path); err != nil {
		return err
	}
	if i.Status.rank() < 0 {
		return fmt.Errorf("status %q is not known", show(string(i.Status)))
	}
	if err := checkTime("closedOn", i.ClosedOn); err != nil {
		return err
	}
	if err := i.Head.check("head"); err != nil {
		return err
	}
	if err := i.ClosedBy.Key.check("the closer's key"); err != nil {
		return err
	}
	if len(i.Steps)+len(i.Inherited) > MaxSteps {
		return fmt.Errorf("it lists more than %d documents", MaxSteps)
	}
	for _, list := range [][]StepEntry{i.Steps, i.Inherited} {
		for n, e := range list {
			if n > 0 && list[n-1].Path >= e.Path {
				return errors.New("its steps are not in order")
			}
			if e.Status.rank() < 0 {
				return fmt.Errorf("status %q is not known", show(string(e.Status)))
			}
			if err := e.Digest.check("a step's digest"); err != nil {
				return err
			}
		}
	}
	return nil
}
