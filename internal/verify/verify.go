// Package verify says whether a Sigstore bundle holds: that it was signed by whom it was
// expected to be, about the artifact in hand, and when, as an instance's trusted root and
// nothing else vouches. Its inputs are bytes and values: it never touches the network or a
// file, and never believes its environment. What it did not check it says.
package verify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/key"
	"github.com/pipeseal/pipeseal/internal/trust"
)

// LogMode is what is asked of a transparency log.
type LogMode string

// The log modes.
const (
	// LogAuto requires a log entry exactly where the trusted root names a log.
	LogAuto LogMode = ""
	// LogRequired requires one, and refuses an instance that has no log.
	LogRequired LogMode = "required"
	// LogOff looks at no log entry, nor at the time in one. It weakens what is verified.
	LogOff LogMode = "off"
)

// Options say how to verify. The zero value is the strictest that every instance meets.
type Options struct {
	Log LogMode
	// Key is the one key that must have signed, in place of a certificate; nil means that a
	// certificate of the instance's must have.
	Key *key.Public
	// Now is the clock, by which a time that has not come yet is told; nil means time.Now.
	Now func() time.Time
}

// HasKey tells whether a key is expected to have signed.
func (o Options) HasKey() bool { return o.Key != nil }

// Verifier verifies bundles against one instance. It does not change and may be used
// concurrently.
type Verifier struct {
	name       string
	publicGood bool
	unusable   []string
	material   root.TrustedMaterial
	key        *key.Public
	now        func() time.Time

	needLog, needSCT, hasTSA bool
	logMode                  LogMode
}

// New returns a verifier for the instance. Options that contradict the instance are of kind
// Usage. The instance may be nil for a key without a log, which need no instance.
func New(inst *trust.Instance, o Options) (*Verifier, error) {
	v := &Verifier{name: "no instance", key: o.Key, now: o.Now, logMode: o.Log}
	if v.now == nil {
		v.now = time.Now
	}
	switch o.Log {
	case LogAuto, LogRequired, LogOff:
	default:
		return nil, fault.New(fault.Usage, "log mode %q is not known", string(o.Log)).WithHint("use --log required or --log off")
	}
	switch {
	case inst == nil && (o.Key == nil || o.Log != LogOff):
		return nil, fault.New(fault.Usage, "nobody is named whom to trust").WithHint("name a trust configuration with --trust FILE")
	case inst != nil:
		v.name, v.publicGood, v.material, v.unusable = inst.Name, inst.PublicGood, inst.Material, inst.Unusable
		v.needLog = inst.HasLog() && o.Log != LogOff
		v.needSCT = inst.HasCTLog() && o.Key == nil
		v.hasTSA = inst.HasTSA()
		if o.Log == LogRequired && !inst.HasLog() {
			return nil, fault.New(fault.Usage, "a log entry is required, and the trusted root of %s names no transparency log", inst.Name).
				WithHint("leave out --log required, or name a trust configuration that has a log with --trust FILE")
		}
	}
	if o.Key != nil {
		v.material = o.Key.Over(v.material)
	}
	return v, nil
}

// Digest is an artifact's digest.
type Digest struct {
	// Algorithm is "sha256", "sha384" or "sha512"; Hex has its length, in lower case.
	Algorithm string `json:"algorithm"`
	Hex       string `json:"hex"`
}

// String is "sha256:HEX".
func (d Digest) String() string { return d.Algorithm + ":" + d.Hex }

// Verify verifies one bundle: every check that the instance calls for, and every one that
// exp names. An empty exp is not enough to trust anything: the caller tells by exp.Empty.
// A bundle that does not hold, a malformed one included, is of kind Denied, with a Refusal
// in the error's chain that names the check; an exp or digest that makes no sense is of
// kind Usage.
func (v *Verifier) Verify(ctx context.Context, bundle []byte, digest Digest, exp Expectation) (*Attestation, error) {
	if err := digest.check(); err != nil {
		return nil, err
	}
	if err := exp.Check(v.key != nil); err != nil {
		return nil, err
	}
	b, err := parseBundle(bundle)
	if err != nil {
		return nil, denied(CheckBundle, err)
	}
	sum := sha256.Sum256(bundle)
	c := &verification{Verifier: v, bundle: b, digest: digest, expect: exp, out: &Attestation{
		MediaType: b.mediaType, SHA256: hex.EncodeToString(sum[:]), Digest: digest, Kind: b.kind(),
	}}
	for _, check := range []func() error{
		c.signer,        // a certificate or the key, as expected
		c.logged,        // the log holds this signature, by this signer, of this content
		c.timed,         // somebody trusted says when
		c.certified,     // the certificate was valid then, and the authority is trusted
		c.transparent,   // the certificate was logged
		c.signed,        // the signature is the signer's, over this content
		c.stated,        // the content is a statement, or the artifact's digest
		c.about,         // it is about the artifact in hand
		c.expected,      // it says what was expected, and the expected identity signed it
		c.claimsMatched, // what the predicate claims and the certificate knows is the same
	} {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := check(); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// verification is one bundle being verified.
type verification struct {
	*Verifier
	bundle *content
	digest Digest
	expect Expectation
	out    *Attestation

	// times are the verified times; untimed are the logs of verified entries that sign none.
	times   []time.Time
	untimed []*root.TransparencyLog
	// paths lead from the certificate to an authority.
	paths [][]*x509.Certificate
	// statement is the envelope's, once it is read.
	statement *statement
}

// checked notes that a check was made and held; skipped, that it was not made.
func (c *verification) checked(name, detail string) {
	c.out.Checks = append(c.out.Checks, Check{Name: name, Result: Checked, Detail: detail})
}

func (c *verification) skipped(name, detail string) {
	c.out.Checks = append(c.out.Checks, Check{Name: name, Result: NotChecked, Detail: detail})
}
