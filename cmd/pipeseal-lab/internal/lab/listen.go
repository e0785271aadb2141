package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// portsFile remembers the port of each service, so that the URLs in trust.json and in
// what was signed stay true.
const portsFile = "ports.json"

// The ports of a new directory are consecutive ones from firstPort on, below those that a
// system hands out by itself to connections and listeners: from 49152 on (RFC 6335, 6), on
// Linux from 32768 on. So nothing takes a remembered port by chance while the lab is down.
const (
	firstPort = 10240
	endPort   = 32768
	blockSize = 16
	// maxBlocks is how many places are tried, because others listen there too.
	maxBlocks = 64
)

// listen opens one listener per service on 127.0.0.1: on the ports that dir remembers,
// or on free ones, which it then remembers.
func listen(ctx context.Context, dir string) (map[Service]net.Listener, error) {
	path := filepath.Join(dir, portsFile)
	ports, err := readPorts(path)
	if err != nil {
		return nil, err
	}
	if ports != nil {
		listeners, failed, err := listenAt(ctx, ports)
		if err != nil {
			return nil, fmt.Errorf("%w (the port of %s, remembered in %s because trust.json names it: stop what uses it, or choose another --dir)", err, failed, path)
		}
		return listeners, nil
	}
	ports, listeners, err := listenAnew(ctx)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(ports, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o600)
	}
	if err != nil {
		closeAll(listeners)
		return nil, fmt.Errorf("remember the ports: %w", err)
	}
	return listeners, nil
}

// listenAnew opens the listeners in a block of ports that nobody uses.
func listenAnew(ctx context.Context) (ports map[Service]int, listeners map[Service]net.Listener, err error) {
	for range maxBlocks {
		base := firstPort + blockSize*rand.IntN((endPort-firstPort)/blockSize) //nolint:gosec // there is nothing to guess
		ports = blockFrom(base)
		if listeners, _, err = listenAt(ctx, ports); err == nil {
			return ports, listeners, nil
		}
	}
	return nil, nil, fmt.Errorf("find free ports: %w", err)
}

// blockFrom are consecutive ports for the services.
func blockFrom(base int) map[Service]int {
	ports := map[Service]int{}
	for i, s := range Services() {
		ports[s] = base + i
	}
	return ports
}

// listenAt opens the listeners on the ports: all of them, or none, and then it says whose
// port failed.
func listenAt(ctx context.Context, ports map[Service]int) (all map[Service]net.Listener, failed Service, err error) {
	all = map[Service]net.Listener{}
	for _, s := range Services() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(ports[s])))
		if err != nil {
			closeAll(all)
			return nil, s, err
		}
		all[s] = l
	}
	return all, "", nil
}

func closeAll(listeners map[Service]net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// readPorts is nil where nothing is remembered.
func readPorts(path string) (map[Service]int, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the remembered ports: %w", err)
	}
	var ports map[Service]int
	if err := json.Unmarshal(b, &ports); err != nil {
		return nil, fmt.Errorf("read the remembered ports %s: %w", path, err)
	}
	for _, s := range Services() {
		if ports[s] < 1 || ports[s] > 65535 {
			return nil, fmt.Errorf("read the remembered ports %s: none for %s", path, s)
		}
	}
	return ports, nil
}
