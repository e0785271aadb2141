package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/sign"
)

// lookAtTimestamp has each authority timestamp random bytes, and verifies what it says.
func (e *examination) lookAtTimestamp(ctx context.Context) Finding {
	if len(e.chosen.TSAs) == 0 {
		return ok("this instance has no timestamp authority: its log says when")
	}
	v, err := e.verifier()
	if err != nil {
		return refused(err)
	}
	var hosts []string
	for _, at := range e.chosen.TSAs {
		over := make([]byte, 32)
		_, _ = rand.Read(over)
		answer, err := sign.Timestamp(ctx, e.Run.Network, at, over)
		if err != nil {
			return refused(err)
		}
		asked := e.now()
		stamp, err := v.Timestamp(answer, over)
		if err != nil {
			return refusedUnless("name the trust configuration that has the certificate of this authority with --trust",
				fmt.Errorf("timestamp authority at %s: %w", host(at), err))
		}
		e.stamps = append(e.stamps, reading{"timestamp authority at " + host(at), stamp, asked})
		hosts = append(hosts, host(at))
	}
	return ok("verified, from " + strings.Join(hosts, ", "))
}

// lookAtLog reads each log's checkpoint, and writes nothing.
func (e *examination) lookAtLog(ctx context.Context) Finding {
	if len(e.chosen.Logs) == 0 {
		return ok(e.chosen.Log)
	}
	v, err := e.verifier()
	if err != nil {
		return refused(err)
	}
	var said []string
	for i, l := range e.chosen.WriteTo() {
		checkpoint, err := sign.Checkpoint(ctx, e.Run.Network, l)
		if err != nil {
			return refused(err)
		}
		entries, err := v.Checkpoint(e.chosen.Logs[i], checkpoint)
		if err != nil {
			return refusedUnless("name the trust configuration that has the key of this log with --trust",
				fmt.Errorf("transparency log at %s: %w", host(l.URL), err))
		}
		said = append(said, fmt.Sprintf("%s has %d entries", host(l.URL), entries))
	}
	return ok(strings.Join(said, ", "))
}

// host is the host and port of a service's URL.
func host(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	return remote.Host(u)
}
