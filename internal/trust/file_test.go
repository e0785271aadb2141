package trust

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
)

var update = flag.Bool("update", false, "write golden files")

const (
	configFile = "testdata/client_trust_config.json"
	rootFile   = "testdata/trusted_root.json"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused checks an error's kind, words, and that its hint names the flag.
func refused(t *testing.T, err error, kind fault.Kind, words, flag string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if fault.KindOf(err) != kind || !strings.Contains(err.Error(), words) || !strings.Contains(fault.HintOf(err), flag) {
		t.Errorf("%v\nkind %v, hint %q; want %v, %q, %q", err, fault.KindOf(err), fault.HintOf(err), kind, words, flag)
	}
	if strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("not printable: %q", err)
	}
}

// TestLoadFile compares what is read of a ClientTrustConfig and of a trusted root.
func TestLoadFile(t *testing.T) {
	var got strings.Builder
	for _, file := range []string{configFile, rootFile} {
		i, err := Load(t.Context(), Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\npublic good: %v\nlog: %v, certificate log: %v, timestamps: %v\n", i, i.PublicGood, i.HasLog(), i.HasCTLog(), i.HasTSA())
		fmt.Fprintf(&got, "authorities: %d, logs: %d, unusable: %q\n", len(i.Material.FulcioCertificateAuthorities()), len(i.Material.RekorLogs()), i.Unusable)
		s, err := i.Services(now)
		fmt.Fprintf(&got, "services: %+v, %v\n\n", s, err)
	}
	golden(t, "testdata/instances.txt", got.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(read(t, path)), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// changed is a trust file with the value at a path of fields changed, or taken away by nil.
func changed(t testing.TB, file, path string, value any) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(read(t, file), &v); err != nil {
		t.Fatal(err)
	}
	at := v
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		if list, ok := at.([]any); ok {
			at = list[0]
			continue
		}
		at = at.(map[string]any)[n]
	}
	last := names[len(names)-1]
	if value == nil {
		delete(at.(map[string]any), last)
	} else {
		at.(map[string]any)[last] = value
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRefusesFile(t *testing.T) {
	for name, tt := range map[string]struct {
		data  []byte
		words string
	}{
		"empty":                          {nil, "not JSON"},
		"not JSON":                       {[]byte("trust"), "not JSON"},
		"a list":                         {[]byte("[]"), "not JSON"},
		"no media type":                  {[]byte("{}"), "no mediaType"},
		"a media type not known":         {changed(t, configFile, "mediaType", "application/vnd.dev.sigstore.clienttrustconfig.v0.9+json"), "v0.9"},
		"escapes in it":                  {changed(t, configFile, "mediaType", "\x1b[31m\n"), "is neither"},
		"a bundle's":                     {changed(t, configFile, "mediaType", "application/vnd.dev.sigstore.bundle.v0.3+json"), "is neither"},
		"a field not known":              {changed(t, configFile, "trustEverybody", true), "trustEverybody"},
		"a field not known further down": {changed(t, rootFile, "tlogs.0.trusted", true), "trusted"},
		"no trusted root":                {changed(t, configFile, "trustedRoot", nil), "no trustedRoot"},
		"a root's media type not known":  {changed(t, configFile, "trustedRoot.mediaType", "application/vnd.dev.sigstore.trustedroot+json;version=0.9"), "trusted root"},
		"a signing config not known":     {changed(t, configFile, "signingConfig.mediaType", "application/vnd.dev.sigstore.signingconfig.v0.1+json"), "signing config"},
		"a log without a key":            {changed(t, rootFile, "tlogs.0.publicKey", nil), "public key"},
		"an authority without a chain":   {changed(t, rootFile, "certificateAuthorities.0.certChain", nil), "cert chain"},
		"an empty chain":                 {changed(t, rootFile, "certificateAuthorities.0.certChain.certificates", []any{}), "chain is empty"},
		"a certificate that is none":     {changed(t, rootFile, "certificateAuthorities.0.certChain.certificates.0.rawBytes", "AAAA"), "parse certificate"},
		"logs without a selector":        {changed(t, configFile, "signingConfig.rekorTlogConfig", nil), "rekorTlogUrls"},
		"authorities without a selector": {changed(t, configFile, "signingConfig.tsaConfig", nil), "tsaUrls"},
		"a service that is no URL":       {changed(t, configFile, "signingConfig.caUrls.0.url", "fulcio.example.com"), "caUrls"},
		"a service's password":           {changed(t, configFile, "signingConfig.rekorTlogUrls.0.url", "https://me:secret@rekor.example.com"), "user or password"},
		"a service's query":              {changed(t, configFile, "signingConfig.tsaUrls.0.url", "https://tsa.example.com/?token=secret"), "query"},
		"another scheme":                 {changed(t, configFile, "signingConfig.oidcUrls.0.url", "file:///etc/passwd"), "oidcUrls"},
		"huge":                           {bytes.Repeat([]byte(" "), MaxFile+1), "larger than"},
		"two":                            {append(read(t, rootFile), "{}"...), "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trust.json")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(t.Context(), Options{File: path})
			refused(t, err, fault.Usage, tt.words, "--trust FILE")
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a secret: %v", err)
			}
		})
	}
	_, err := Load(t.Context(), Options{File: filepath.Join(t.TempDir(), "missing")})
	refused(t, err, fault.Usage, "no such file", "--trust FILE")
	_, err = Load(t.Context(), Options{File: t.TempDir()})
	refused(t, err, fault.Usage, "is a directory", "--trust FILE")
}

// TestLogWithoutStart: a log whose key has no start of validity vouches for nothing, and is
// a log that the instance has.
func TestLogWithoutStart(t *testing.T) {
	for _, kind := range []string{"tlogs", "ctlogs"} {
		for _, path := range []string{".0.publicKey.validFor.start", ".0.publicKey.validFor"} {
			i, err := Parse(changed(t, configFile, "trustedRoot."+kind+path, nil))
			if err != nil {
				t.Fatal(err)
			}
			if !i.HasLog() || !i.HasCTLog() || len(i.Unusable) != 1 {
				t.Errorf("%s%s: log %v, certificate log %v, unusable %q", kind, path, i.HasLog(), i.HasCTLog(), i.Unusable)
			}
			if kind == "tlogs" && len(i.Material.RekorLogs()) != 0 || kind == "ctlogs" && len(i.Material.CTLogs()) != 0 {
				t.Errorf("%s%s is used", kind, path)
			}
		}
	}
}

func TestPublicGood(t *testing.T) {
	for name, tt := range map[string]struct {
		data []byte
		want bool
	}{
		"its trusted root":                   {read(t, rootFile), true},
		"a private one":                      {read(t, configFile), false},
		"a private root, and its Fulcio":     {changed(t, configFile, "signingConfig.caUrls.0.url", "https://fulcio.sigstore.dev"), true},
		"a private root, and its log":        {changed(t, configFile, "signingConfig.rekorTlogUrls.0.url", "https://log2025-1.rekor.sigstore.DEV./"), true},
		"a name that ends alike":             {changed(t, configFile, "signingConfig.caUrls.0.url", "https://fulcio.notsigstore.dev"), false},
		"its name in another's":              {changed(t, configFile, "signingConfig.caUrls.0.url", "https://fulcio.sigstore.dev.example.com"), false},
		"the staging instance, not to be it": {changed(t, configFile, "signingConfig.caUrls.0.url", "https://fulcio.sigstage.dev"), false},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := Parse(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if i.PublicGood != tt.want {
				t.Errorf("public good: %v", i.PublicGood)
			}
		})
	}
}

func TestRefusesServices(t *testing.T) {
	i, err := Load(t.Context(), Options{File: rootFile})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Services(now)
	refused(t, err, fault.Usage, "not which services", "--trust FILE")
	i, err = Load(t.Context(), Options{File: configFile})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Services(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	refused(t, err, fault.Usage, "certificate authority", "clock (2020-01-01T00:00:00Z)")
	for path, words := range map[string]string{"rekorTlogUrls": "transparency log", "tsaUrls": "timestamp authority"} {
		i, err := Parse(changed(t, configFile, "signingConfig."+path, []any{map[string]any{"url": "https://x.example.com", "majorApiVersion": 9}}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = i.Services(now)
		refused(t, err, fault.Usage, words, "newer trust configuration")
	}
}

// TestServicesWithout: an instance without log or timestamp authority is one.
func TestServicesWithout(t *testing.T) {
	i, err := Parse(changed(t, configFile, "signingConfig.rekorTlogUrls", nil))
	if err != nil {
		t.Fatal(err)
	}
	s, err := i.Services(now)
	if err != nil || s.Logs != nil || len(s.TSAs) != 1 || s.Fulcio != "https://fulcio.example.com" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRefusesOptions(t *testing.T) {
	for _, tt := range []struct {
		o           Options
		words, flag string
	}{
		{Options{File: rootFile, TUFMirror: "https://tuf.example.com"}, "both named", "either --trust"},
		{Options{File: rootFile, TUFRoot: "root.json"}, "both named", "either --trust"},
		{Options{TUFRoot: "root.json"}, "belongs to no", "--tuf-mirror"},
		{Options{TUFMirror: "tuf.example.com"}, "TUF mirror", "--tuf-mirror"},
		{Options{TUFMirror: "file:///tmp"}, "TUF mirror", "--tuf-mirror"},
		{Options{TUFMirror: "https://me:secret@tuf.example.com"}, "user or password", "--tuf-mirror"},
		{Options{TUFMirror: "https://tuf.example.com/?token=secret"}, "query", "--tuf-mirror"},
		{Options{TUFMirror: "https://tuf.example.com", TUFRoot: "testdata/missing.json"}, "no such file", "--tuf-root"},
		{Options{TUFMirror: "https://tuf.example.com", TUFRoot: rootFile}, "initial TUF root", "--tuf-root"},
	} {
		_, err := Load(t.Context(), tt.o)
		refused(t, err, fault.Usage, tt.words, tt.flag)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(read(f, configFile))
	f.Add(read(f, rootFile))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := Parse(data)
		if err != nil {
			return
		}
		if !i.HasLog() && len(i.Material.RekorLogs()) > 0 || !i.HasCTLog() && len(i.Material.CTLogs()) > 0 {
			t.Fatal("a log that the instance does not have")
		}
		if s, err := i.Services(now); err == nil && s.Fulcio == "" || err != nil && fault.KindOf(err) != fault.Usage {
			t.Fatalf("services %+v, %v", s, err)
		}
	})
}
