package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// portsFile remembers the port of each service, so that the URLs in trust.json and in
// what was signed stay true.
const portsFile = "ports.json"

// listen opens one listener per service on 127.0.0.1: on the ports that dir remembers,
// or on free ones, which it then remembers.
func listen(ctx context.Context, dir string) (map[Service]net.Listener, error) {
	path := filepath.Join(dir, portsFile)
	ports, err := readPorts(path)
	if err != nil {
		return nil, err
	}
	listeners := map[Service]net.Listener{}
	fail := func(err error) (map[Service]net.Listener, error) {
		for _, l := range listeners {
			l.Close()
		}
		return nil, err
	}
	chosen := map[Service]int{}
	for _, s := range Services() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(ports[s])))
		if err != nil {
			if ports[s] != 0 {
				err = fmt.Errorf("%w (the port of %s, remembered in %s because trust.json names it: stop what uses it, or choose another --dir)", err, s, path)
			}
			return fail(err)
		}
		listeners[s] = l
		chosen[s] = l.Addr().(*net.TCPAddr).Port
	}
	if ports != nil {
		return listeners, nil
	}
	b, err := json.MarshalIndent(chosen, "", "  ")
	if err != nil {
		return fail(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fail(fmt.Errorf("remember the ports: %w", err))
	}
	return listeners, nil
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
