package verify

import (
	"crypto"
	"encoding/json"
	"time"

	"github.com/sigstore/fulcio/pkg/certificate"
)

// The kinds of a bundle's content.
const (
	KindDSSE    = "dsse"
	KindMessage = "message signature"
)

// Attestation is what a verified bundle says. Its strings come from outside: make them
// safe before they are printed.
type Attestation struct {
	// MediaType is the bundle's, SHA256 the digest of its bytes in lower-case hex.
	MediaType string `json:"mediaType"`
	SHA256    string `json:"sha256"`
	// Kind is KindDSSE or KindMessage.
	Kind string `json:"kind"`
	// Digest is the artifact's, which was compared.
	Digest Digest `json:"digest"`
	// PredicateType, Subjects, Predicate and Statement are those of a DSSE bundle: the
	// in-toto statement, its parts, and the whole of it as it was signed.
	PredicateType string          `json:"predicateType,omitempty"`
	Subjects      []Subject       `json:"subjects,omitempty"`
	Predicate     json.RawMessage `json:"predicate,omitempty"`
	Statement     json.RawMessage `json:"-"`
	// Certificate is the signer's; nil where a key signed, whose fingerprint is Key.
	Certificate *Certificate `json:"certificate,omitempty"`
	Key         string       `json:"key,omitempty"`
	// Timestamps are the verified times, those of logs first. With a certificate there is
	// at least one.
	Timestamps []Timestamp `json:"timestamps"`
	// Logs are the verified log entries.
	Logs []LogEntry `json:"logs"`
	// Checks are the checks made, and those not made, in order.
	Checks []Check `json:"checks"`
}

// Subject is what a statement is about.
type Subject struct {
	Name string `json:"name,omitempty"`
	// Digest is algorithm to hex, as signed.
	Digest map[string]string `json:"digest"`
}

// Certificate is a signing certificate.
type Certificate struct {
	// Identity is the subject alternative name, of which there is just one.
	Identity string `json:"identity"`
	// Extensions are Fulcio's: the issuer, and what a CI's token said, in canonical form: an
	// oddity of the public instance's templates is undone (see canonical).
	Extensions certificate.Extensions `json:"extensions"`
	NotBefore  time.Time              `json:"notBefore"`
	NotAfter   time.Time              `json:"notAfter"`
	// Fingerprint is the SHA-256 of the certificate, KeyFingerprint that of its public key
	// (DER SubjectPublicKeyInfo), lower-case hex.
	Fingerprint    string           `json:"fingerprint"`
	KeyFingerprint string           `json:"keyFingerprint"`
	PublicKey      crypto.PublicKey `json:"-"`
}

// The kinds of a Timestamp.
const (
	// TimeFromLog is a log's signed promise of an entry (Rekor v1).
	TimeFromLog = "transparency log"
	// TimeFromTSA is an RFC 3161 timestamp over the signature.
	TimeFromTSA = "timestamp authority"
)

// Timestamp is a verified time at which the signature existed.
type Timestamp struct {
	// Kind is TimeFromLog or TimeFromTSA; Authority is its URL in the trusted root.
	Kind      string    `json:"kind"`
	Authority string    `json:"authority"`
	Time      time.Time `json:"time"`
}

// LogEntry is a verified entry of a transparency log.
type LogEntry struct {
	// Log is the log's base URL in the trusted root, Index the entry's index.
	Log   string `json:"log"`
	Index int64  `json:"index"`
	// IntegratedTime is the log's signed time; nil where it signs none (Rekor v2).
	IntegratedTime *time.Time `json:"integratedTime,omitempty"`
	// Proof tells whether inclusion was proven. In a bundle of version 0.1 it may be the
	// log's promise alone.
	Proof bool `json:"proof"`
}

// The results of a Check.
const (
	Checked    = "checked"
	NotChecked = "not checked"
)

// Check is one check, and whether it was made. One that said no is an error instead.
type Check struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail,omitempty"`
}
