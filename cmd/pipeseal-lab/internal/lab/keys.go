package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keys are all the lab's private keys and the certificates for two of them.
type keys struct {
	// oidc signs identity tokens, ct signed certificate timestamps; both ECDSA P-256.
	oidc, ct *ecdsa.PrivateKey
	// rekor signs checkpoints.
	rekor ed25519.PrivateKey
	// fulcio is the intermediate's key and fulcioChain intermediate and root; tsa is the
	// timestamp signer's and tsaChain signer and root. The roots' keys are not kept.
	fulcio, tsa           *ecdsa.PrivateKey
	fulcioChain, tsaChain []*x509.Certificate
}

// since is when the keys were made: nothing they signed is older.
func (k *keys) since() time.Time { return k.fulcioChain[len(k.fulcioChain)-1].NotBefore }

// loadKeys reads dir/keys, after making them if there are none. They appear all at once.
func loadKeys(dir string, now time.Time) (*keys, error) {
	at := filepath.Join(dir, "keys")
	if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
		if err := makeKeys(dir, at, now); err != nil {
			return nil, fmt.Errorf("make the lab's keys: %w", err)
		}
	}
	k := &keys{}
	for _, one := range []struct {
		name string
		to   any
	}{{"oidc", &k.oidc}, {"ct", &k.ct}, {"rekor", &k.rekor}, {"fulcio", &k.fulcio}, {"tsa", &k.tsa}} {
		if err := readKey(filepath.Join(at, one.name+".key"), one.to); err != nil {
			return nil, err
		}
	}
	var err error
	if k.fulcioChain, err = readChain(filepath.Join(at, "fulcio.pem"), k.fulcio); err != nil {
		return nil, err
	}
	k.tsaChain, err = readChain(filepath.Join(at, "tsa.pem"), k.tsa)
	return k, err
}

func makeKeys(dir, at string, now time.Time) error {
	tmp, err := os.MkdirTemp(dir, "keys-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, name := range []string{"oidc", "ct"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if err := writeKey(filepath.Join(tmp, name+".key"), k); err != nil {
			return err
		}
	}
	_, log, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(tmp, "rekor.key"), log); err != nil {
		return err
	}
	for _, a := range []authority{fulcioAuthority(), tsaAuthority()} {
		key, chain, err := a.issue(now)
		if err != nil {
			return err
		}
		if err := writeKey(filepath.Join(tmp, a.name+".key"), key); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, a.name+".pem"), chainPEM(chain), 0o644); err != nil {
			return err
		}
	}
	return os.Rename(tmp, at)
}

func writeKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func readKey(path string, to any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the lab's key: %w", err)
	}
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 {
		return fmt.Errorf("read the lab's key %s: not one PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("read the lab's key %s: %w", path, err)
	}
	ok := false
	switch to := to.(type) {
	case **ecdsa.PrivateKey:
		*to, ok = key.(*ecdsa.PrivateKey)
	case *ed25519.PrivateKey:
		*to, ok = key.(ed25519.PrivateKey)
	}
	if !ok {
		return fmt.Errorf("read the lab's key %s: it is a %T", path, key)
	}
	return nil
}

func readChain(path string, key *ecdsa.PrivateKey) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the lab's certificates: %w", err)
	}
	var chain []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the lab's certificates %s: %w", path, err)
		}
		chain = append(chain, c)
	}
	if len(chain) != 2 || !key.PublicKey.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("read the lab's certificates %s: not a chain of two for the key beside it", path)
	}
	return chain, nil
}

func chainPEM(chain []*x509.Certificate) []byte {
	var out []byte
	for _, c := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}
