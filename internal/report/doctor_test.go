package report

import (
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/doctor"
)

func diagnosis() *doctor.Report {
	image := "registry.example.com/acme/app:v1"
	return &doctor.Report{Verdict: doctor.Fail, Checks: []doctor.Finding{
		{ID: "context", Verdict: doctor.OK, Detail: "https://github.com/acme/app at 0123456789abcdef0123456789abcdef01234567"},
		{ID: "token", Verdict: doctor.Fail, Detail: "get ID token: ACTIONS_ID_TOKEN_REQUEST_URL is not set", Fix: `add "permissions: id-token: write" to the job`},
		{ID: "claims", Verdict: doctor.Skipped, Detail: "not looked at, because of: token", Because: "token"},
		{ID: "log", Verdict: doctor.Unknown, Detail: "transparency log at rekor.example.com: answered 503", Fix: "run the step again later"},
		{ID: "clock", Verdict: doctor.Warn, Detail: "this machine's clock is 30s ahead", Fix: "set this machine's clock", Facts: []doctor.Fact{{Name: "a|b", Value: "::set-output name=a::b \x1b[31m"}}},
		{ID: "push", Image: image, Verdict: doctor.OK, Detail: "allowed to registry.example.com/acme/app <b>"},
	}}
}

func TestDoctor(t *testing.T) {
	for name, write := range map[string]func(*strings.Builder) error{
		"doctor.txt":  func(b *strings.Builder) error { return Doctor(b, diagnosis(), false) },
		"doctor.md":   func(b *strings.Builder) error { return DoctorSummary(b, diagnosis()) },
		"doctor.json": func(b *strings.Builder) error { return JSON(b, diagnosis()) },
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
		if strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "::set-output") {
			t.Errorf("%s obeys what it shows", name)
		}
	}
	var b strings.Builder
	if err := Doctor(&b, diagnosis(), true); err != nil || !strings.Contains(b.String(), "\x1b[31mFAIL\x1b[0m  token") {
		t.Errorf("%v: no colour in %q", err, b.String())
	}
}
