package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/trust"
)

func TestJudgeValidity(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const day = 24 * time.Hour
	window := func(role string, from, to time.Duration) trust.Window {
		w := trust.Window{Role: role, Start: now.Add(from)}
		if to != 0 {
			w.End = now.Add(to)
		}
		return w
	}
	for name, c := range map[string]struct {
		root, services, metadata []trust.Window
		want                     Verdict
		detail                   string
	}{
		"nothing at all":           {nil, nil, nil, OK, "nothing ends"},
		"no end":                   {[]trust.Window{window("log", -day, 0)}, nil, nil, OK, "nothing ends"},
		"an end far off":           {[]trust.Window{window("log", -day, 31*day), window("tsa", -day, 400*day)}, nil, nil, OK, "the next to end is the log of the trusted root, at 2026-02-02T03:04:05Z"},
		"an end within 30 days":    {[]trust.Window{window("log", -day, 29*day)}, nil, nil, Warn, "log of the trusted root ends at 2026-01-31"},
		"another takes over":       {[]trust.Window{window("log", -day, 2*day), window("log", -day, 0)}, nil, nil, OK, "nothing ends"},
		"the next has not begun":   {[]trust.Window{window("log", -day, 2*day), window("log", day, 0)}, nil, nil, Warn, "log of the trusted root ends"},
		"over":                     {[]trust.Window{window("log", -9*day, -day), window("tsa", -day, 0)}, nil, nil, Fail, "none is valid at 2026-01-02T03:04:05Z: log of the trusted root"},
		"not begun":                {[]trust.Window{window("log", day, 0)}, nil, nil, Fail, "log of the trusted root"},
		"old ones stay for ever":   {[]trust.Window{window("log", -9*day, -day), window("log", -day, 0)}, nil, nil, OK, "nothing ends"},
		"a service is over":        {nil, []trust.Window{window("log", -9*day, -day)}, nil, Fail, "log to sign with"},
		"over beats ending":        {[]trust.Window{window("log", -day, day)}, []trust.Window{window("tsa", -9*day, -day)}, nil, Fail, "tsa to sign with"},
		"a timestamp of TUF's":     {nil, nil, []trust.Window{window("TUF timestamp", -day, 3*day)}, OK, "the next to end is the TUF timestamp"},
		"a timestamp of TUF's now": {nil, nil, []trust.Window{window("TUF timestamp", -day, day/2)}, Warn, "TUF timestamp ends"},
		"a root of TUF's":          {nil, nil, []trust.Window{window("TUF root", -day, 3*day)}, Warn, "TUF root ends"},
	} {
		f := judgeValidity(now, c.root, c.services, c.metadata)
		if f.Verdict != c.want || !strings.Contains(f.Detail, c.detail) || (f.Verdict == OK) != (f.Fix == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestJudgeIssuer(t *testing.T) {
	token := idtoken.Token{Issuer: "https://oidc.example.com", Audience: []string{"mine"}}
	instance := &trust.Instance{Name: "trust.json"}
	one := sign.Issuer{URL: "https://oidc.example.com", Audience: "sigstore"}
	for name, c := range map[string]struct {
		issuers []sign.Issuer
		asked   string
		want    Verdict
		fix     string
	}{
		"nobody":               {nil, "sigstore", Fail, "use a token of an issuer that it takes"},
		"another":              {[]sign.Issuer{{URL: "https://other.example.com"}}, "sigstore", Fail, "name the trust configuration"},
		"this one":             {[]sign.Issuer{{URL: "https://oidc.example.com", Audience: "mine"}}, "mine", OK, ""},
		"no audience said":     {[]sign.Issuer{{URL: "https://oidc.example.com"}}, "mine", OK, ""},
		"by a wildcard":        {[]sign.Issuer{{Wildcard: "https://*.example.com", Audience: "mine"}}, "mine", OK, ""},
		"for another audience": {[]sign.Issuer{one}, "mine", Fail, "ask for a token for the audience that it takes: --audience sigstore"},
		// The token is not for the audience that was asked for: that is said elsewhere.
		"asked for the right one": {[]sign.Issuer{one}, "sigstore", OK, ""},
	} {
		f := judgeIssuer(c.issuers, token, c.asked, instance)
		if f.Verdict != c.want || !strings.Contains(f.Fix, c.fix) || (f.Verdict == OK) != (f.Fix == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	many := make([]sign.Issuer, 100)
	for i := range many {
		many[i].URL = strings.Repeat("x", 1000)
	}
	if f := judgeIssuer(many, token, "mine", instance); len(f.Facts) != maxIssuers || len([]rune(f.Facts[0].Value)) > maxValue+1 {
		t.Errorf("%d facts of %d characters", len(f.Facts), len(f.Facts[0].Value))
	}
}
