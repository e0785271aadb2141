package dir_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/store/dir"
	"github.com/pipeseal/pipeseal/internal/subject"
)

const digest = "3ba0d3fc6b0bbf5bd05a4bc4ff0bd40e1d4f9ea3e5d7ed0d1bf5ba3ab1a7a0f1"

// bundle is one of a message signature, whose form alone is right.
func bundle(t *testing.T, digest string) string {
	t.Helper()
	raw, err := hex.DecodeString(digest)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},`+
		`"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":%q},"signature":"AAAA"}}`, base64.StdEncoding.EncodeToString(raw))
}

func TestList(t *testing.T) {
	at := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for name, content := range map[string]string{
		filepath.Join(at, "b.sigstore.json"):     bundle(t, digest),
		filepath.Join(at, "a.sigstore.json"):     bundle(t, digest) + "\n",
		filepath.Join(at, "other.sigstore.json"): bundle(t, strings.Repeat("00", 32)),
		filepath.Join(at, "bad.sigstore.json"):   "{",
		filepath.Join(at, "bundle.json"):         bundle(t, digest),
		outside:                                  bundle(t, digest),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	huge, err := os.Create(filepath.Join(at, "huge.sigstore.json"))
	if err == nil {
		err = errors.Join(huge.Truncate(store.MaxBundle+1), huge.Close(),
			os.Symlink(outside, filepath.Join(at, "link.sigstore.json")), os.Symlink("gone", filepath.Join(at, "gone.sigstore.json")),
			os.Mkdir(filepath.Join(at, "dir.sigstore.json"), 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := dir.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	s := subject.Subject{Ref: "app", Digest: subject.Hash{Algorithm: "sha256", Hex: digest}}
	found, err := d.List(t.Context(), s)
	if err != nil || len(found) != 2 || !strings.HasSuffix(found[0].Location.URI, "/a.sigstore.json") || !strings.HasSuffix(found[1].Location.URI, "/b.sigstore.json") {
		t.Fatalf("%v, %v", found, err)
	}
	if data, err := found[1].Fetch(t.Context()); err != nil || string(data) != bundle(t, digest) {
		t.Errorf("%s, %v", data, err)
	}
	if err := os.WriteFile(filepath.Join(at, "b.sigstore.json"), []byte(bundle(t, strings.Repeat("00", 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := found[1].Fetch(t.Context()); !errors.Is(err, store.ErrAltered) || fault.KindOf(err) != fault.Denied {
		t.Errorf("a bundle that changed: %v", err)
	}
	other := subject.Subject{Ref: "other", Digest: subject.Hash{Algorithm: "sha256", Hex: strings.Repeat("11", 32)}}
	_, err = d.List(t.Context(), other)
	if want := "bundles in " + at + " is about sha256:1111"; fault.KindOf(err) != fault.Denied || !strings.Contains(fmt.Sprint(err), want) || fault.HintOf(err) == "" {
		t.Errorf("nothing about it: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.List(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTooMany(t *testing.T) {
	at := t.TempDir()
	for i := range store.MaxReferrers + 1 {
		if err := os.WriteFile(filepath.Join(at, fmt.Sprintf("%d.sigstore.json", i)), []byte(bundle(t, digest)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := dir.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.List(t.Context(), subject.Subject{Ref: "app", Digest: subject.Hash{Algorithm: "sha256", Hex: digest}})
	if !errors.Is(err, store.ErrLimit) || fault.KindOf(err) != fault.Denied || !strings.Contains(fault.HintOf(err), "--bundle") {
		t.Error(err)
	}
}

func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "2"} {
		if _, err := dir.Open(path); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", path, err)
		}
	}
}
