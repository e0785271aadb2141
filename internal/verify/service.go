package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/verify"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/pipeseal/pipeseal/internal/trust"
)

// This file verifies what one service gives, before anything is signed with it. An error of
// kind Denied means that every bundle made with that service would be refused.

// Certificate verifies a certificate that was just made as the signer's of a bundle made at
// its first moment: its path to the instance's authority and, where the trusted root names a
// log for certificates, that it was logged.
func (v *Verifier) Certificate(leaf *x509.Certificate) (*Certificate, error) {
	summary, err := summarize(leaf)
	if err != nil {
		return nil, denied(CheckCertificate, err)
	}
	paths, err := v.chains(leaf, nil, leaf.NotBefore)
	if err != nil {
		return nil, denied(CheckCertificate, err)
	}
	if v.needSCT {
		if err := sigstore.VerifySignedCertificateTimestamp(paths, 1, v.material); err != nil {
			return nil, denied(CheckSCT, err)
		}
	}
	return summary, nil
}

// Timestamp verifies a timestamp authority's answer over a signature, and returns the time.
func (v *Verifier) Timestamp(answer, over []byte) (time.Time, error) {
	authorities := v.material.TimestampingAuthorities()
	if len(authorities) == 0 {
		return time.Time{}, deniedf(CheckTime, "the trusted root names no timestamp authority")
	}
	var reasons []error
	for _, a := range authorities {
		stamp, err := a.Verify(answer, over)
		if err == nil {
			return stamp.Time.UTC(), nil
		}
		reasons = append(reasons, err)
	}
	return time.Time{}, denied(CheckTime, errors.Join(reasons...))
}

// Checkpoint verifies a log's checkpoint with the trusted root's key for that log, and returns
// how many entries it commits to. A version 1 log's is a note in Rekor's own form
// (rekor, pkg/util), version 2's one as C2SP has it (tlog-checkpoint).
func (v *Verifier) Checkpoint(log trust.Log, checkpoint string) (uint64, error) {
	var reasons []error
	for _, known := range v.material.RekorLogs() {
		if !sameBase(known.BaseURL, log.URL) {
			continue
		}
		size, err := checkpointBy(known, log.Version, checkpoint)
		if err == nil {
			return size, nil
		}
		reasons = append(reasons, err)
	}
	if reasons == nil {
		return 0, deniedf(CheckLog, "the trusted root has no key of the log %s", show(log.URL))
	}
	return 0, denied(CheckLog, errors.Join(reasons...))
}

func checkpointBy(known *root.TransparencyLog, version uint32, checkpoint string) (uint64, error) {
	verifier, err := signature.LoadVerifier(known.PublicKey, known.SignatureHashFunc)
	if err != nil {
		return 0, err
	}
	if version == 2 {
		base, err := url.Parse(known.BaseURL)
		if err != nil {
			return 0, err
		}
		by, err := note.NewNoteVerifier(base.Hostname(), verifier)
		if err != nil {
			return 0, err
		}
		c, err := tiles.VerifyCheckpoint(checkpoint, by)
		if err != nil {
			return 0, err
		}
		return c.Size, nil
	}
	var head util.SignedCheckpoint
	if err := head.UnmarshalText([]byte(checkpoint)); err != nil {
		return 0, err
	}
	if !head.Verify(verifier) {
		return 0, fmt.Errorf("its tree head is not signed with the key that the trusted root has for %s", known.BaseURL)
	}
	return head.Size, nil
}

// sameBase tells whether two base URLs are one log's, a slash at the end or not.
func sameBase(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }
