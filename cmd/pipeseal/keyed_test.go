package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// keyed FILE BUNDLE KEY signs a statement about a file with a new key and no certificate, as
// cosign does with a key pair and without a log, and writes the bundle and the public key.
// seal does not sign with keys; verify reads what others signed so.
func keyed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keyed FILE BUNDLE KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	sum := sha256.Sum256([]byte(ts.ReadFile(args[0])))
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"name": args[0], "digest": map[string]string{"sha256": hex.EncodeToString(sum[:])}}},
		"predicateType": "https://example.com/checked/v1",
		"predicate":     map[string]any{},
	})
	ts.Check(err)
	// The pre-authentication encoding of DSSE (secure-systems-lab/dsse, protocol.md).
	const payloadType = "application/vnd.in-toto+json"
	digest := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(statement), statement))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	ts.Check(err)
	bundle, err := json.Marshal(map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": "key"}},
		"dsseEnvelope": map[string]any{
			"payloadType": payloadType, "payload": statement, "signatures": []any{map[string]any{"sig": signature}},
		},
	})
	ts.Check(err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), bundle, 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644))
}
