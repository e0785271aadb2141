package remote

import (
	"net"
	"net/netip"
	"strings"
)

// Loopback tells whether HOST or HOST:PORT is this machine by its reserved name, "localhost",
// or a loopback address. No name is looked up.
func Loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
