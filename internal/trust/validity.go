package trust

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// The roles of what an instance is made of.
const (
	RoleCA  = "certificate authority"
	RoleCT  = "certificate transparency log"
	RoleLog = "transparency log"
	RoleTSA = "timestamp authority"
)

// Window says from when until when something of an instance is good.
type Window struct {
	// Role is what it is; Name which one, its URL, or "".
	Role, Name string
	// Start and End are the first and the last moment; a zero Start is "since ever", a zero
	// End "for ever".
	Start, End time.Time
}

// Holds tells whether t is within the window.
func (w Window) Holds(t time.Time) bool {
	return !t.Before(w.Start) && (w.End.IsZero() || !t.After(w.End))
}

// RootWindows are the windows of the trusted root's authorities and logs, in order of role and
// name. An authority's ends with the first of its certificates, where that is sooner.
func (i *Instance) RootWindows() []Window {
	var all []Window
	for _, a := range i.Material.FulcioCertificateAuthorities() {
		if ca, ok := a.(*root.FulcioCertificateAuthority); ok {
			w := Window{RoleCA, ca.URI, ca.ValidityPeriodStart, ca.ValidityPeriodEnd}
			all = append(all, w.within(append(slices.Clone(ca.Intermediates), ca.Root)))
		}
	}
	for _, a := range i.Material.TimestampingAuthorities() {
		if tsa, ok := a.(*root.SigstoreTimestampingAuthority); ok {
			w := Window{RoleTSA, tsa.URI, tsa.ValidityPeriodStart, tsa.ValidityPeriodEnd}
			all = append(all, w.within(append(slices.Clone(tsa.Intermediates), tsa.Leaf, tsa.Root)))
		}
	}
	for _, group := range []struct {
		role string
		logs map[string]*root.TransparencyLog
	}{{RoleLog, i.Material.RekorLogs()}, {RoleCT, i.Material.CTLogs()}} {
		for _, l := range group.logs {
			all = append(all, Window{group.role, l.BaseURL, l.ValidityPeriodStart, l.ValidityPeriodEnd})
		}
	}
	return ordered(all)
}

// ServiceWindows are the windows of the signing configuration's services, in order of role and name.
func (i *Instance) ServiceWindows() []Window {
	if i.Signing == nil {
		return nil
	}
	var all []Window
	for _, group := range []struct {
		role     string
		services []root.Service
	}{
		{RoleCA, i.Signing.FulcioCertificateAuthorityURLs()},
		{RoleLog, i.Signing.RekorLogURLs()},
		{RoleTSA, i.Signing.TimestampAuthorityURLs()},
	} {
		for _, s := range group.services {
			all = append(all, Window{group.role, s.URL, s.ValidityPeriodStart, s.ValidityPeriodEnd})
		}
	}
	return ordered(all)
}

// within is the window cut to when all the certificates are valid.
func (w Window) within(certificates []*x509.Certificate) Window {
	for _, c := range certificates {
		if c == nil {
			continue
		}
		if c.NotBefore.After(w.Start) {
			w.Start = c.NotBefore
		}
		if w.End.IsZero() || c.NotAfter.Before(w.End) {
			w.End = c.NotAfter
		}
	}
	return w
}

func ordered(all []Window) []Window {
	slices.SortStableFunc(all, func(a, b Window) int {
		return strings.Compare(a.Role+"\x00"+a.Name, b.Role+"\x00"+b.Name)
	})
	return all
}
