package sign

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// selfCertifier certifies a key for as long as it is told, and counts how often it did.
type selfCertifier struct {
	valid time.Duration
	now   func() time.Time
	count int
}

func (c *selfCertifier) Certify(_ context.Context, key sigstore.Keypair) ([]byte, error) {
	c.count++
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(c.count)), Subject: pkix.Name{CommonName: "test"},
		NotBefore: c.now().Add(-time.Minute), NotAfter: c.now().Add(c.valid),
		URIs: []*url.URL{{Scheme: "https", Host: "example.com", Path: "/builder"}},
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.GetPublicKey(), ca)
}

func envelope(t *testing.T) *Envelope {
	t.Helper()
	k, err := NewKeyless(&selfCertifier{valid: 10 * time.Minute, now: time.Now}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e, err := k.Sign(t.Context(), []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"`+strings.Repeat("a", 64)+`"}}],"predicateType":"https://example.com/p","predicate":{"large":"payload"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// entry answers with a Rekor v1 entry of the request's body, as the API documents it. The
// server itself cannot run here: docs/testing.md says so.
func entry(w http.ResponseWriter, status int, body []byte) {
	uuid := strings.Repeat("0", 16) + strings.Repeat("1", 64)
	hash := strings.Repeat("2", 64)
	answer := map[string]any{uuid: map[string]any{
		"body": base64.StdEncoding.EncodeToString(body), "integratedTime": 1, "logIndex": 3, "logID": strings.Repeat("c", 64),
		"verification": map[string]any{
			"signedEntryTimestamp": base64.StdEncoding.EncodeToString([]byte("set")),
			"inclusionProof":       map[string]any{"checkpoint": "c", "hashes": []string{hash}, "logIndex": 3, "rootHash": hash, "treeSize": 4},
		},
	}}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", uuid)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// TestRekorV1 asks for an entry of the type that keeps hashes and no payload; a second
// request after a lost answer gets the entry that is there.
func TestRekorV1(t *testing.T) {
	var posted []byte
	posts := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/v1/log/entries":
			posts++
			posted, _ = io.ReadAll(r.Body)
			if posts == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			w.Header().Set("Location", "/api/v1/log/entries/"+strings.Repeat("1", 64))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":409,"message":"an equivalent entry already exists"}`)
		case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/v1/log/entries/"):
			entry(w, http.StatusOK, []byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":`+
				`{"envelopeHash":{"algorithm":"sha256","value":"`+strings.Repeat("3", 64)+`"},"payloadHash":{"algorithm":"sha256","value":"`+strings.Repeat("4", 64)+`"},`+
				`"signatures":[{"signature":"MAA=","verifier":"LS0tLS0="}]}}`))
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	defer s.Close()
	l, err := newLogClient(remote.NewNetwork(remote.Options{}), Log{URL: s.URL, Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.add(t.Context(), envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	if got.GetLogIndex() != 3 || got.GetKindVersion().GetKind() != "dsse" || posts != 2 {
		t.Errorf("%d posts, entry %v", posts, got)
	}
	if !strings.Contains(string(posted), `"kind":"dsse"`) {
		t.Errorf("posted %s", posted)
	}
}

// TestLogRefusals: what is no success names the log and its host. A 4xx no retry mends; the rest is "don't know".
func TestLogRefusals(t *testing.T) {
	for _, version := range []uint32{1, 2} {
		for _, tc := range []struct {
			name   string
			answer http.HandlerFunc
			kind   fault.Kind
		}{
			{"400", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, fault.Usage},
			{"no JSON", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, "<html>")
			}, fault.Undecided},
			{"redirect", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://example.com/", http.StatusFound)
			}, fault.Undecided},
		} {
			t.Run(fmt.Sprintf("v%d %s", version, tc.name), func(t *testing.T) {
				s := httptest.NewServer(tc.answer)
				defer s.Close()
				l, err := newLogClient(remote.NewNetwork(remote.Options{Attempts: 1}), Log{URL: s.URL, Version: version})
				if err != nil {
					t.Fatal(err)
				}
				_, err = l.add(t.Context(), envelope(t))
				if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), "transparency log at "+strings.TrimPrefix(s.URL, "http://")) {
					t.Errorf("kind %v of %v", fault.KindOf(err), err)
				}
			})
		}
	}
	if _, err := newLogClient(remote.NewNetwork(remote.Options{}), Log{URL: "https://rekor.example.com", Version: 3}); fault.KindOf(err) != fault.Usage {
		t.Errorf("version 3: %v", err)
	}
}

// TestConflictOfV2 is told apart, because only a new signature gets on from there.
func TestConflictOfV2(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }))
	defer s.Close()
	l, err := newLogClient(remote.NewNetwork(remote.Options{}), Log{URL: s.URL, Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.add(t.Context(), envelope(t)); !errors.Is(err, ErrAlreadyLogged) {
		t.Errorf("got %v", err)
	}
}

// TestCertificateIsRenewed when less than a minute of it is left, for the same key.
func TestCertificateIsRenewed(t *testing.T) {
	now := time.Now()
	ca := &selfCertifier{valid: 10 * time.Minute, now: func() time.Time { return now }}
	k, err := NewKeyless(ca, ca.now)
	if err != nil {
		t.Fatal(err)
	}
	before, err := k.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		count int
	}{{0, 1}, {8 * time.Minute, 1}, {61 * time.Second, 2}, {0, 2}} {
		now = now.Add(step.after)
		if _, err := k.Sign(t.Context(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if ca.count != step.count {
			t.Errorf("after %s: %d certificates, want %d", step.after, ca.count, step.count)
		}
	}
	if after, _ := k.Fingerprint(); after != before {
		t.Error("the key changed")
	}
}

// TestEnvelopeRoundTrip: what is kept is what is read back, byte for byte.
func TestEnvelopeRoundTrip(t *testing.T) {
	e := envelope(t)
	first, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseEnvelope(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := back.MarshalJSON()
	if err != nil || string(first) != string(second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
	for _, bad := range []string{"", "{}", "[]", `{"mediaType":"` + BundleMediaType + `"}`, hex.EncodeToString(first)} {
		if _, err := ParseEnvelope([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(`{"mediaType":"` + BundleMediaType + `","dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEnvelope(data)
		if err != nil {
			return
		}
		if _, err := e.MarshalJSON(); err != nil {
			t.Errorf("read, and not written: %v", err)
		}
	})
}
