package subject

import (
	"cmp"
	"context"
	"io/fs"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// pending is a subject whose digest is still to be found or checked.
type pending struct {
	Subject
	ws *workspace
	// path is the file to read, a name of the workspace; info is what stat said of it.
	path string
	info fs.FileInfo
	// goBinary asks for the file's build information.
	goBinary bool
	// listed is the line of the checksum file that names this subject, "" for others.
	listed string
}

// collection is what the arguments name, in their order.
type collection struct {
	all []*pending
	// files and images are the ones to be hashed and to be resolved.
	files, images []*pending
	// paths are the files named so far.
	paths map[string]*pending
}

func (c *collection) add(ctx context.Context, ws *workspace, arg string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, value, err := read(ws, arg)
	if err != nil {
		return err
	}
	switch r {
	case anImage:
		ref, err := ParseImage(value)
		if err != nil {
			return err
		}
		return c.put(&pending{Subject: Subject{Kind: Image, Name: ref.Name(), Ref: arg, Image: &ref}}, &c.images)
	case aDigest:
		s, err := parseDigest(arg, value, false)
		if err != nil {
			return err
		}
		if s.Digest.Algorithm != "sha256" {
			return fault.New(fault.Usage, "subject %s: subjects are sealed by their SHA-256", quote(arg)).WithHint("write NAME@sha256:HEX")
		}
		return c.put(&pending{Subject: s}, nil)
	case checksums:
		return c.addChecksums(ws, arg, value)
	case aGlob:
		return c.addGlob(ws, arg, value, false)
	case goBinaries:
		if isGlob(value) {
			return c.addGlob(ws, arg, value, true)
		}
		return c.addFile(ws, arg, value, false, true)
	}
	return c.addFile(ws, arg, value, value == arg, false)
}

func (c *collection) put(p *pending, queue *[]*pending) error {
	if len(c.all) >= MaxSubjects {
		return tooMany()
	}
	c.all = append(c.all, p)
	if queue != nil {
		*queue = append(*queue, p)
	}
	return nil
}

// addFile adds one file. sniff refuses a checksum file that may be meant for what it lists;
// goBinary asks for its build information, also where it was named before.
func (c *collection) addFile(ws *workspace, arg, path string, sniff, goBinary bool) error {
	name, err := ws.name(path)
	if err != nil {
		return err
	}
	if p := c.paths[name]; p != nil {
		p.goBinary = p.goBinary || goBinary
		return nil
	}
	info, err := ws.regular(name)
	if err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	if sniff && looksLikeChecksums(ws, name) {
		return fault.New(fault.Usage, "subject %s may be a file, or a checksum file that names others", quote(arg)).
			WithHint("write %s%s for what it lists or %s%s for the file itself", checksumsPrefix, quote(arg), filePrefix, quote(arg))
	}
	if c.paths == nil {
		c.paths = map[string]*pending{}
	}
	p := &pending{Subject: Subject{Kind: File, Name: name, Ref: arg, Size: info.Size()}, ws: ws, path: name, info: info, goBinary: goBinary}
	c.paths[name] = p
	return c.put(p, &c.files)
}

func (c *collection) addGlob(ws *workspace, arg, pattern string, goBinary bool) error {
	names, err := ws.glob(pattern)
	if err != nil {
		return err
	}
	if ws.exists(pattern) {
		literal, err := ws.name(pattern)
		if err != nil || len(names) != 1 || names[0] != literal {
			return fault.New(fault.Usage, "subject %s is a glob, and there is a file of that name", quote(arg)).
				WithHint("write %s%s for the file, or a glob that means nothing else", filePrefix, quote(arg))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := c.addFile(ws, arg, name, false, goBinary); err != nil {
			return err
		}
	}
	return nil
}

// subjects are the subjects, each once, in order of name and digest.
func (c *collection) subjects() ([]Subject, error) {
	all := make([]Subject, 0, len(c.all))
	for _, p := range c.all {
		all = append(all, p.Subject)
	}
	slices.SortStableFunc(all, func(a, b Subject) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.Digest.String(), b.Digest.String()))
	})
	out := all[:0]
	for _, s := range all {
		if len(out) == 0 || !sameThing(out[len(out)-1], s) {
			out = append(out, s)
			continue
		}
		last := out[len(out)-1]
		if last.Digest == s.Digest {
			continue
		}
		if s.Kind == Image {
			out = append(out, s)
			continue
		}
		return nil, fault.New(fault.Usage, "%s is named twice with different digests, %s (%s) and %s (%s)",
			quote(s.Name), last.Digest, quote(last.Ref), s.Digest, quote(s.Ref)).
			WithHint("name it once, or give the two different names")
	}
	return out, nil
}

// rank puts a file, whose bytes were read, before a digest that was taken as it stood.
func rank(k Kind) int { return slices.Index([]Kind{Image, File, Digest}, k) }

// sameThing tells whether two subjects have one name. Two images of one repository do; an
// image and a file never.
func sameThing(a, b Subject) bool {
	return a.Name == b.Name && (a.Kind == Image) == (b.Kind == Image)
}

// single is the subject that ResolveOne was asked for.
func single(arg string, o Options) (*pending, error) {
	dir := o.Dir
	if dir == "" {
		dir = "."
	}
	ws := &workspace{dir: dir}
	r, value, err := read(ws, arg)
	if err != nil {
		return nil, err
	}
	switch r {
	case anImage:
		ref, err := ParseImage(value)
		if err != nil {
			return nil, err
		}
		return &pending{Subject: Subject{Kind: Image, Name: ref.Name(), Ref: arg, Image: &ref}}, nil
	case aDigest:
		s, err := parseDigest(arg, value, o.AllowBareDigest)
		return &pending{Subject: s}, err
	case checksums, aGlob, goBinaries:
		if r == checksums || isGlob(value) && !ws.exists(value) {
			return nil, fault.New(fault.Usage, "subject %s may name more than one thing", quote(arg)).
				WithHint("name one image, file or digest")
		}
	}
	name, err := ws.name(value)
	if err != nil {
		return nil, err
	}
	info, err := ws.regular(name)
	if err != nil {
		return nil, err
	}
	return &pending{Subject: Subject{Kind: File, Name: name, Ref: arg, Size: info.Size()}, ws: ws, path: name, info: info}, nil
}
