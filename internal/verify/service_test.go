package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/trust"
)

func (w *world) verifier() *Verifier {
	w.t.Helper()
	v, err := New(w.instance(), Options{Now: func() time.Time { return w.now }})
	w.must(err)
	return v
}

func TestServiceCertificate(t *testing.T) {
	w := newWorld(t)
	_, leaf := w.leaf(github(), nil)
	got, err := w.verifier().Certificate(leaf)
	if err != nil || got.Extensions.SourceRepositoryURI != "https://github.com/acme/app" {
		t.Errorf("%+v, %v", got, err)
	}
	_, late := w.leaf(github(), func(c *x509.Certificate) {
		c.NotBefore = w.now.Add(2 * 365 * 24 * time.Hour)
		c.NotAfter = c.NotBefore.Add(time.Hour)
	})
	_, strange := newWorld(t).leaf(github(), nil)
	logging := newWorld(t)
	logging.cts["00"] = &root.TransparencyLog{PublicKey: &logging.rekor.PublicKey, HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256}
	_, unlogged := logging.leaf(github(), nil)
	for name, c := range map[string]struct {
		w    *world
		leaf *x509.Certificate
		want string
	}{
		"of another authority":            {w, strange, CheckCertificate},
		"after its authority's end":       {w, late, CheckCertificate},
		"not logged where there is a log": {logging, unlogged, CheckSCT},
	} {
		if _, err := c.w.verifier().Certificate(c.leaf); fault.KindOf(err) != fault.Denied || !strings.HasPrefix(err.Error(), c.want+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServiceTimestamp(t *testing.T) {
	w := newWorld(t)
	over := []byte("random")
	stamp := w.timestamp(w.tsa, over, w.now)
	if at, err := w.verifier().Timestamp(stamp, over); err != nil || !at.Equal(w.now) {
		t.Errorf("%s, %v", at, err)
	}
	if _, err := w.verifier().Timestamp(stamp, []byte("other")); fault.KindOf(err) != fault.Denied {
		t.Errorf("over something else: %v", err)
	}
	if _, err := newWorld(t).verifier().Timestamp(stamp, over); fault.KindOf(err) != fault.Denied {
		t.Errorf("of another authority: %v", err)
	}
	w.tsas = nil
	if _, err := w.verifier().Timestamp(stamp, over); err == nil || !strings.Contains(err.Error(), "names no timestamp authority") {
		t.Errorf("of none: %v", err)
	}
}

// TestServiceCheckpoint is about version 1; version 2's is the lab's, and tested with it.
func TestServiceCheckpoint(t *testing.T) {
	w := newWorld(t)
	head := func(key *ecdsa.PrivateKey) string {
		signer, err := signature.LoadECDSASigner(key, crypto.SHA256)
		w.must(err)
		note, err := util.CreateAndSignCheckpoint(t.Context(), logHost, 42, 7, make([]byte, 32), signer)
		w.must(err)
		return string(note)
	}
	log := trust.Log{URL: "https://" + logHost + "/", Version: 1}
	if size, err := w.verifier().Checkpoint(log, head(w.rekor)); err != nil || size != 7 {
		t.Errorf("%d, %v", size, err)
	}
	for name, c := range map[string]struct {
		log  trust.Log
		note string
		want string
	}{
		"of another key":  {log, head(w.ca.key), "not signed with the key that the trusted root has"},
		"of another size": {log, strings.Replace(head(w.rekor), "\n7\n", "\n8\n", 1), "not signed with the key"},
		"of another log":  {trust.Log{URL: "https://other.example.com", Version: 1}, head(w.rekor), "has no key of the log https://other.example.com"},
		"no note":         {log, "7 entries", ""},
		"version 2's":     {trust.Log{URL: log.URL, Version: 2}, "7 entries", ""},
	} {
		if _, err := w.verifier().Checkpoint(c.log, c.note); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
