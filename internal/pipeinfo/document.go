package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// document is one document of a repository with what stands beside it.
type document struct {
	// path is relative to the repository.
	path   string
	data   []byte
	sha256 string
	// signature is the content of the .sig file, bundle that of the .sigstore.json file;
	// nil where there is none.
	signature, bundle []byte
}

func newDocument(path string, data []byte) document {
	return document{path: path, data: data, sha256: sumHex(data)}
}

// readDocument reads a document and what is there of its signature and bundle. A missing
// document is fs.ErrNotExist.
func (d *Dir) readDocument(name string) (document, error) {
	data, err := d.read(name, MaxDocument)
	if err != nil {
		return document{}, err
	}
	doc := newDocument(name, data)
	if doc.signature, err = d.read(name+signatureSuffix, MaxSignature); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return document{}, err
	}
	if doc.bundle, err = d.read(name+bundleSuffix, MaxBundle); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return document{}, err
	}
	return doc, nil
}

// complete tells whether signature and bundle are there.
func (d document) complete() bool { return d.signature != nil && d.bundle != nil }

// consistent checks that a complete document's signature is by the key of the certificate
// in its bundle. It says nothing about whose certificate that is.
func (d document) consistent() error {
	key, err := keyOf(d.bundle)
	if err != nil {
		return denied("%s: %w", d.path, err)
	}
	if key == nil {
		return nil
	}
	if err := d.signedBy(key); err != nil {
		return denied("%w", err).WithHint("copy no job's pipeinfo over another's: bring them together with pipeseal pipeinfo merge")
	}
	return nil
}

func (d document) signedBy(key any) error {
	der, err := decodeSignature(d.signature)
	if err == nil {
		err = checkSignature(key, d.data, der)
	}
	if err != nil {
		return denied("%s%s: %w", d.path, signatureSuffix, err)
	}
	return nil
}

// signAll signs documents that share a place: each by itself, and one statement over all.
func signAll(ctx context.Context, s Signer, at place, docs ...document) ([]document, error) {
	for i := range docs {
		der, err := s.SignDocument(docs[i].data)
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", docs[i].path, err)
		}
		docs[i].signature = encodeSignature(der)
	}
	st, err := statement(at, docs...)
	if err != nil {
		return nil, err
	}
	bundle, err := s.SignStatement(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("sign the documents of %s: %w", at.Path, err)
	}
	if len(bundle) > MaxBundle {
		return nil, fault.New(fault.Unexpected, "sign the documents of %s: the bundle has %d bytes, more than %d", at.Path, len(bundle), MaxBundle)
	}
	for i := range docs {
		docs[i].bundle = bundle
	}
	return docs, nil
}

// write is one step of a publication, in the order it must happen.
type write struct {
	what string
	do   func(context.Context) error
}

// writes puts a document after its bundle and signature, so that a document that is there
// has both. What a dead writer left of them without the document is replaced.
func (d *Dir) writes(doc document) []write {
	return []write{
		{path.Base(doc.path) + bundleSuffix, func(context.Context) error { return d.replace(doc.path+bundleSuffix, doc.bundle) }},
		{path.Base(doc.path) + signatureSuffix, func(context.Context) error { return d.replace(doc.path+signatureSuffix, doc.signature) }},
		{path.Base(doc.path), func(context.Context) error { return d.put(doc.path, doc.data) }},
	}
}

func run(ctx context.Context, writes []write) error {
	for _, w := range writes {
		if err := w.do(ctx); err != nil {
			return fmt.Errorf("write %s: %w", w.what, err)
		}
	}
	return nil
}
