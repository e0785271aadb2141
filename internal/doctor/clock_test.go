package doctor

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/trust"
)

func TestJudgeClocks(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(who string, off time.Duration) reading { return reading{who, now.Add(off), now} }
	life := func(off time.Duration) *trust.Window {
		return &trust.Window{Start: now.Add(off), End: now.Add(off + 10*time.Minute)}
	}
	for name, c := range map[string]struct {
		answers, stamps []reading
		certificate     *trust.Window
		want            Verdict
		detail, fix     string
	}{
		"nobody says":             {nil, nil, nil, Skipped, "no service said", ""},
		"all agree":               {[]reading{at("a", 0), at("b", time.Second)}, []reading{at("tsa", -time.Second)}, life(-time.Second), OK, "within 10s", ""},
		"one answer is off":       {[]reading{at("a", 0), at("b", time.Hour), at("c", 0)}, nil, nil, OK, "within 10s", ""},
		"ahead":                   {[]reading{at("a", -30*time.Second), at("b", -31*time.Second)}, nil, nil, Warn, "clock is 30s ahead", "set this machine's clock"},
		"behind":                  {[]reading{at("a", 30*time.Second)}, nil, nil, Warn, "clock is 30s behind", "it says 2026-01-02T03:04:05Z when a says 2026-01-02T03:04:35Z"},
		"just not":                {[]reading{at("a", 9*time.Second)}, nil, nil, OK, "within", ""},
		"just":                    {[]reading{at("a", 10*time.Second)}, nil, nil, Warn, "10s behind", "set this"},
		"a certificate has ended": {[]reading{at("a", -9*time.Minute-30*time.Second)}, nil, life(-9*time.Minute - 30*time.Second), Fail, "9m30s ahead: a certificate of now has run out", "set this machine's clock"},
		"timestamps are to come":  {[]reading{at("a", 61*time.Minute)}, []reading{at("tsa", 61*time.Minute)}, life(61 * time.Minute), Fail, "1h1m0s behind: timestamps of now are in its future", "set this"},
		"a timestamp before":      {[]reading{at("a", 0)}, []reading{at("tsa", -time.Minute)}, life(0), Fail, "the tsa gives times at which a certificate of now", "have the clock of the tsa set: it says 2026-01-02T03:03:05Z"},
		"a timestamp after":       {[]reading{at("a", 0)}, []reading{at("tsa", 11*time.Minute)}, life(0), Fail, "every signature would be refused", "have the clock of the tsa set"},
		"an authority's is off":   {[]reading{at("a", 0), at("b", 0)}, []reading{at("tsa", time.Minute)}, life(0), Warn, "the clock of the tsa is 1m0s off", "have it set"},
	} {
		f := judgeClocks(now, c.answers, c.stamps, c.certificate)
		if f.Verdict != c.want || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Fix, c.fix) || (f.Fix == "") != (c.fix == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestObserve(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := NewClocks(func() time.Time { return now })
	header := func(date, age string) http.Header {
		h := http.Header{}
		h.Set("Date", date)
		if age != "" {
			h.Set("Age", age)
		}
		return h
	}
	c.Observe("b.example.com", header(now.Add(time.Minute).Format(http.TimeFormat), ""))
	c.Observe("a.example.com", header(now.Format(http.TimeFormat), ""))
	c.Observe("b.example.com", header(now.Add(time.Hour).Format(http.TimeFormat), "3600")) // kept by a cache
	c.Observe("c.example.com", header("tomorrow", ""))
	c.Observe("d.example.com", http.Header{})
	got := c.readings()
	if len(got) != 2 || got[0].who != "a.example.com" || got[1].who != "b.example.com" || got[1].ahead() != -time.Minute {
		t.Errorf("%+v", got)
	}
}
