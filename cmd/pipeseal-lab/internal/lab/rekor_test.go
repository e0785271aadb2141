package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorpb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
)

// entry is a request to log a signature, with a key for its verifier or a certificate.
func entry(t *testing.T, content string, certified bool) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(content))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v := &rekorpb.Verifier{
		KeyDetails: common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		Verifier:   &rekorpb.Verifier_PublicKey{PublicKey: &rekorpb.PublicKey{RawBytes: der}},
	}
	if certified {
		// A certificate with many names for the key.
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: strings.Split(strings.Repeat("name.example.com,", 60), ",")[:60]}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		v.Verifier = &rekorpb.Verifier_X509Certificate{X509Certificate: &common.X509Certificate{RawBytes: der}}
	}
	b, err := protojson.Marshal(&rekorpb.CreateEntryRequest{Spec: &rekorpb.CreateEntryRequest_HashedRekordRequestV002{
		HashedRekordRequestV002: &rekorpb.HashedRekordRequestV002{
			Digest: digest[:], Signature: &rekorpb.Signature{Content: sig, Verifier: v},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func addEntry(t *testing.T, l *Lab, body []byte) (int, http.Header, []byte) {
	t.Helper()
	return do(t, "POST", l.URL(Rekor)+"/api/v2/log/entries", map[string]string{"Content-Type": "application/json"}, body)
}

func diskUse(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if strings.Contains(err.Error(), "no such file") {
				return nil
			}
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// TestLogStaysSmall: the disk holds the entries and little else, whether many come at
// once or one after another.
func TestLogStaysSmall(t *testing.T) {
	const entries, atOnce, limit = 1000, 64, 8 << 20
	l := begin(t, Options{})
	var indexes sync.Map
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range entries {
		g.Go(func() error {
			status, _, body := addEntry(t, l, entry(t, strconv.Itoa(i), true))
			var e rekor.TransparencyLogEntry
			if err := protojson.Unmarshal(body, &e); err != nil || status != http.StatusCreated {
				return fmt.Errorf("%d %s", status, body)
			}
			if _, taken := indexes.LoadOrStore(e.LogIndex, true); taken {
				return fmt.Errorf("two entries at %d", e.LogIndex)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	settled(t, l, limit)
}

// settled waits until what may be removed is, and looks at what is left.
func settled(t *testing.T, l *Lab, limit int64) {
	t.Helper()
	use := diskUse(t, rekorDir(l.Dir()))
	peak := use
	for range 100 {
		if use <= limit {
			t.Logf("%d bytes, %d before", use, peak)
			return
		}
		time.Sleep(100 * time.Millisecond)
		use = diskUse(t, rekorDir(l.Dir()))
	}
	t.Errorf("the log has %d bytes, want at most %d", use, limit)
}

func TestSweep(t *testing.T) {
	l := begin(t, Options{})
	for i := range 40 {
		if status, _, body := addEntry(t, l, entry(t, strconv.Itoa(i), true)); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
	}
	dir := rekorDir(l.Dir())
	partials := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "tile/entries/000.p/*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var left []string
	for range 100 {
		if left = partials(); len(left) == 1 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(left) != 1 || filepath.Base(left[0]) != "40" {
		t.Fatalf("left are %v", left)
	}
	// The log goes on from what is left, now and after a restart.
	verified(t, l.Dir(), signed(t, l, Generic, "x"), "x", l.IssuerURL(Generic), "pipeline@example.com")
	end(t, l)
	l = begin(t, Options{Dir: l.Dir()})
	verified(t, l.Dir(), signed(t, l, Generic, "y"), "y", l.IssuerURL(Generic), "pipeline@example.com")
}

func TestDuplicateEntry(t *testing.T) {
	l := begin(t, Options{})
	if status, _, body := addEntry(t, l, entry(t, "first", false)); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	again := entry(t, "again", false)
	if status, _, body := addEntry(t, l, again); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	status, header, body := addEntry(t, l, again)
	if status != http.StatusConflict || header.Get("X-Log-Index") != "1" || !strings.Contains(string(body), "with index 1") {
		t.Errorf("%d %v %s", status, header, body)
	}
	dir := l.Dir()
	end(t, l)
	l = begin(t, Options{Dir: dir})
	if status, _, body := addEntry(t, l, again); status != http.StatusCreated {
		t.Errorf("after a restart: %d %s", status, body)
	}
}

func TestRefusedEntry(t *testing.T) {
	l := begin(t, Options{})
	good := string(entry(t, "x", false))
	for name, body := range map[string]string{
		"nothing":              `{}`,
		"no JSON":              `{`,
		"a field not known":    strings.Replace(good, "{", `{"new":1,`, 1),
		"another signature":    strings.Replace(good, `"digest":"`, `"digest":"AAAA`, 1),
		"a DSSE entry":         `{"dsseRequestV002":{}}`,
		"a request too large":  `{"x":"` + strings.Repeat("x", maxRequest) + `"}`,
		"a key not understood": strings.Replace(good, "PKIX_ECDSA_P256_SHA_256", "LMS_SHA256", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, body := addEntry(t, l, []byte(body)); status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// TestReadLog: the tiles and checkpoint are there to be read, and nothing else is.
func TestReadLog(t *testing.T) {
	l := begin(t, Options{})
	addEntry(t, l, entry(t, "x", false))
	for path, want := range map[string]int{
		"/api/v2/checkpoint":           200,
		"/api/v2/tile/0/000.p/1":       200,
		"/api/v2/tile/entries/000.p/1": 200,
		"/api/v2/tile/":                404,
		"/api/v2/tile/0/":              404,
		"/api/v2/.state/treeState":     404,
		"/api/v2/tile/../.state/":      404,
		"/":                            404,
	} {
		if status, _, body := do(t, "GET", l.URL(Rekor)+path, nil, nil); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestImpatientClient: one that goes away takes no other's answer with it.
func TestImpatientClient(t *testing.T) {
	l := begin(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var g errgroup.Group
	for i := range 32 {
		body := string(entry(t, strconv.Itoa(i), false))
		g.Go(func() error {
			at := t.Context()
			if i%2 == 0 {
				at = ctx
			}
			req, err := http.NewRequestWithContext(at, "POST", l.URL(Rekor)+"/api/v2/log/entries", strings.NewReader(body))
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if at == ctx {
				if err == nil {
					resp.Body.Close()
				}
				return nil
			}
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				return fmt.Errorf("%s", resp.Status)
			}
			return nil
		})
	}
	time.Sleep(20 * time.Millisecond)
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
