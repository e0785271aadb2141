package lab

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// TestCTRefuses: the signer promises nothing for what Fulcio did not issue.
func TestCTRefuses(t *testing.T) {
	l := begin(t, Options{})
	_, other, err := fulcioAuthority().issue(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k, err := loadKeys(l.Dir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	chain := func(certs ...*x509.Certificate) []byte {
		var encoded []string
		for _, c := range certs {
			encoded = append(encoded, base64.StdEncoding.EncodeToString(c.Raw))
		}
		b, err := json.Marshal(map[string]any{"chain": encoded})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, body := range map[string][]byte{
		"no JSON":                []byte("{"),
		"an empty chain":         chain(),
		"a certificate alone":    chain(k.fulcioChain[0]),
		"another authority's":    chain(other[0], k.fulcioChain[0]),
		"no certificate":         []byte(`{"chain":["AAAA","AAAA"]}`),
		"not a precertificate":   chain(k.tsaChain[0], k.fulcioChain[0]),
		"a request that is long": bytes.Repeat([]byte(" "), maxRequest+1),
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, answer := do(t, "POST", l.URL(CT)+"/ct/v1/add-pre-chain", nil, body); status != http.StatusBadRequest {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}

func TestTSA(t *testing.T) {
	l := begin(t, Options{})
	digest := sha256.Sum256([]byte("x"))
	weak := sha1.Sum([]byte("x"))
	ask := func(t *testing.T, r timestamp.Request, contentType string) (int, []byte) {
		t.Helper()
		b, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		status, _, body := do(t, "POST", l.TSAURL(), map[string]string{"Content-Type": contentType}, b)
		return status, body
	}
	const query = "application/timestamp-query"
	t.Run("nonce and certificate", func(t *testing.T) {
		nonce := big.NewInt(42)
		status, body := ask(t, timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Nonce: nonce, Certificates: true}, query)
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
		got, err := timestamp.ParseResponse(body)
		if err != nil {
			t.Fatal(err)
		}
		if got.Nonce.Cmp(nonce) != 0 || !bytes.Equal(got.HashedMessage, digest[:]) || len(got.Certificates) != 1 || !got.Policy.Equal(tsaPolicy()) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a clock that is ahead", func(t *testing.T) {
		ahead := begin(t, Options{TSAClock: 20 * time.Minute})
		b, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		_, _, body := do(t, "POST", ahead.TSAURL(), map[string]string{"Content-Type": query}, b)
		got, err := timestamp.ParseResponse(body)
		if err != nil || got.Time.Before(time.Now().Add(19*time.Minute)) {
			t.Errorf("%v, %v", got, err)
		}
	})
	for name, c := range map[string]struct {
		request     timestamp.Request
		contentType string
		want        int
	}{
		"a weak hash":      {timestamp.Request{HashAlgorithm: crypto.SHA1, HashedMessage: weak[:]}, query, 400},
		"a short digest":   {timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: weak[:]}, query, 400},
		"another policy":   {timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], TSAPolicyOID: asn1.ObjectIdentifier{1, 2, 3}}, query, 400},
		"another type":     {timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}, "text/plain", 415},
		"the lab's policy": {timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], TSAPolicyOID: tsaPolicy()}, query, 201},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := ask(t, c.request, c.contentType); status != c.want {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	if status, _, body := do(t, "POST", l.TSAURL(), map[string]string{"Content-Type": query}, []byte("x")); status != 400 {
		t.Errorf("no request at all: %d %s", status, body)
	}
	status, _, body := do(t, "GET", l.TSAURL()+"/certchain", nil, nil)
	if status != 200 || bytes.Count(body, []byte("BEGIN CERTIFICATE")) != 2 {
		t.Errorf("chain: %d %s", status, body)
	}
}
