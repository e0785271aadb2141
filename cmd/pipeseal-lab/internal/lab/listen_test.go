package lab

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"testing"
)

// TestPortsAreNobodysByChance: a new directory's ports are none that the system hands out, and
// the same ones are opened again.
func TestPortsAreNobodysByChance(t *testing.T) {
	dir := t.TempDir()
	var before map[Service]int
	for range 2 {
		listeners, err := listen(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(listeners)
		ports, err := readPorts(filepath.Join(dir, portsFile))
		if err != nil {
			t.Fatal(err)
		}
		list := slices.Sorted(maps.Values(ports))
		if len(slices.Compact(list)) != len(Services()) || list[0] < firstPort || list[len(list)-1] >= endPort {
			t.Errorf("%v are not ports of their own from %d to %d", ports, firstPort, endPort)
		}
		if before != nil && !maps.Equal(before, ports) {
			t.Errorf("%v, then %v", before, ports)
		}
		before = ports
	}
}

// TestListenAtOpensAllOrNone: where one port is taken, the others are free again.
func TestListenAtOpensAllOrNone(t *testing.T) {
	ports, listeners, err := listenAnew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeAll(listeners)
	taken := listeners[Rekor].Addr().String()
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", taken)
	if err != nil {
		t.Fatal(err)
	}
	if _, failed, err := listenAt(t.Context(), ports); err == nil || failed != Rekor {
		t.Errorf("%s, %v", failed, err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if listeners, _, err = listenAt(t.Context(), ports); err != nil {
		t.Fatal(err)
	}
	closeAll(listeners)
}
