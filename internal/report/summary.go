package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// maxRows bounds the tables of a job summary, which GitHub limits to 1 MiB a step.
const maxRows = 100

// SealSummary writes a run's job summary in GitHub's Markdown: what was signed, by whom,
// where it is logged and stored, and the commands that verify it.
func SealSummary(w io.Writer, r *seal.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### pipeseal %s\n\n", text(headline(r)))
	rows := 0
	row := func(name, value string) {
		if value == "" {
			return
		}
		// A run that fails early knows nothing, and a table of nothing is a line of markup.
		if rows++; rows == 1 {
			b.WriteString("| | |\n|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, code(value))
	}
	row("Source", at(r.Build.Source, r.Build.Commit))
	row("Ref", r.Build.Ref)
	row("Run", r.Build.Run)
	row("Step", r.Build.Step)
	row("Signed by", r.Identity.Name)
	row("Issuer", r.Identity.Issuer)
	row("Trust", r.Trust)
	row("Transparency log", r.Log)
	if r.Pipeinfo != nil {
		row("Pipeinfo", pipeinfoOutput(r))
		for _, f := range closedFacts(r.Pipeinfo.Info) {
			row("Run: "+f.name, f.value)
		}
	}
	if len(r.Attestations) > 0 {
		b.WriteString("\n| Subject | Attestation | Log index | Bundle | Stored |\n|---|---|---|---|---|\n")
		for i, a := range r.Attestations {
			if i == maxRows {
				fmt.Fprintf(&b, "| and %d more | | | | |\n", len(r.Attestations)-maxRows)
				break
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(subjectsText(a)), kindText(a), indices(a), code(a.Bundle), code(strings.Join(a.Locations, " ")))
		}
	}
	for i, l := range r.LeftOut {
		if i == maxRows {
			fmt.Fprintf(&b, "\nLeft out: %d more\n", len(r.LeftOut)-maxRows)
			break
		}
		fmt.Fprintf(&b, "\nLeft out: %s\n", text(l))
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "\n**Error:** %s\n", text(r.Error))
		if r.Hint != "" {
			fmt.Fprintf(&b, "\n**Hint:** %s\n", text(r.Hint))
		}
	}
	if len(r.Remaining) > 0 {
		b.WriteString("\n**Left to do** (run the step again with the same output directory):\n\n")
		for i, l := range r.Remaining {
			if i == maxRows {
				fmt.Fprintf(&b, "- and %d more\n", len(r.Remaining)-maxRows)
				break
			}
			fmt.Fprintf(&b, "- %s\n", text(l))
		}
	}
	if c := commands(r); len(c) > 0 {
		fence := fenceFor(c)
		fmt.Fprintf(&b, "\n<details><summary>Verify</summary>\n\n%ssh\n%s\n%s\n\n</details>\n", fence, strings.Join(c, "\n"), fence)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// commands are shell lines that verify the first image and the first file with pipeseal, cosign and gh.
func commands(r *seal.Result) []string {
	if r.Status != seal.StatusSealed && r.Status != seal.StatusIncomplete || r.Identity.Name == "" {
		return nil
	}
	var out []string
	private := r.TrustFile != ""
	if private {
		out = append(out, "# "+Quote(r.TrustFile)+" is the file that the job was told to trust; below is its trusted root by itself, for cosign and gh",
			"jq -c .trustedRoot "+Quote(r.TrustFile)+" > trusted_root.json")
	}
	expect := " --identity " + Quote(r.Identity.Name) + " --issuer " + Quote(r.Identity.Issuer)
	trust := ""
	cosignTrust := " --certificate-identity " + Quote(r.Identity.Name) + " --certificate-oidc-issuer " + Quote(r.Identity.Issuer)
	if private {
		trust = " --trust " + Quote(r.TrustFile)
		cosignTrust += " --trusted-root trusted_root.json"
	}
	if strings.HasPrefix(r.Log, "off") {
		trust += " --log off"
	}
	if !logged(r) {
		cosignTrust += " --insecure-ignore-tlog"
	}
	blobTrust := cosignTrust
	if s, ok := first(r, subject.Image); ok {
		ref := s.Name + "@" + s.Digest.String()
		out = append(out, firstOf(r, subject.Image, "image")...)
		out = append(out, "pipeseal verify "+Quote(ref)+expect+trust)
		if host, _, _ := strings.Cut(s.Name, "/"); remote.Loopback(host) {
			cosignTrust += " --allow-http-registry"
		}
		out = append(out, "cosign verify "+Quote(ref)+cosignTrust)
		if has(r, "provenance") {
			out = append(out, "cosign verify-attestation --type slsaprovenance1 "+Quote(ref)+cosignTrust)
		}
	}
	s, ok := first(r, subject.File)
	a, found := provenanceOf(r, s)
	if ok && found {
		file := s.Name
		out = append(out, firstOf(r, subject.File, "file")...)
		if strings.HasPrefix(file, "-") {
			file = "./" + file // no option
		}
		out = append(out, "pipeseal verify "+Quote(file)+" --bundle "+Quote(a.Bundle)+expect+trust)
		out = append(out, "cosign verify-blob-attestation --type slsaprovenance1 --bundle "+Quote(a.Bundle)+blobTrust+" "+Quote(file))
		if r.Build.CI == "github" {
			gh := "gh attestation verify " + Quote(file) + " --bundle " + Quote(a.Bundle) + " --repo " + Quote(repoName(r.Build.Source))
			if private {
				gh += " --custom-trusted-root trusted_root.json --cert-oidc-issuer " + Quote(r.Identity.Issuer)
			}
			out = append(out, gh)
		}
	}
	return out
}

func first(r *seal.Result, k subject.Kind) (subject.Subject, bool) {
	for _, s := range r.Subjects {
		if s.Kind == k {
			return s, true
		}
	}
	return subject.Subject{}, false
}

// firstOf is a line that says so where the lines after it are about the first of several.
func firstOf(r *seal.Result, k subject.Kind, noun string) []string {
	n := 0
	for _, s := range r.Subjects {
		if s.Kind == k {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return []string{"# the first of " + count(n, noun) + "; the others are verified likewise"}
}

// logged tells whether what was signed is in a log.
func logged(r *seal.Result) bool {
	for _, a := range r.Attestations {
		if a.Bundle != "" {
			return len(a.Logs) > 0
		}
	}
	return false
}

func has(r *seal.Result, kind string) bool {
	for _, a := range r.Attestations {
		if a.Kind == kind && a.Bundle != "" {
			return true
		}
	}
	return false
}

// provenanceOf is the provenance that speaks of the subject.
func provenanceOf(r *seal.Result, s subject.Subject) (*seal.Attestation, bool) {
	for _, a := range r.Attestations {
		if a.Kind != "provenance" || a.Bundle == "" {
			continue
		}
		for _, n := range a.Subjects {
			if n == s.Name {
				return a, true
			}
		}
	}
	return nil, false
}

// repoName is "acme/app" of "https://github.com/acme/app".
func repoName(source string) string {
	parts := strings.Split(source, "/")
	if len(parts) < 2 {
		return source
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

// Quote is a word as a POSIX shell reads it, in single quotes where it needs them.
func Quote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./-_", r)
	}
	word = remote.Printable(word)
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !safe(r) }) && !strings.HasPrefix(word, "-") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// code is text from outside as Markdown code in a table cell.
func code(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(remote.Printable(s), "|", `\|`)
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if len(fence) > 1 || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// text is text from outside as plain Markdown: nothing in it is markup.
func text(s string) string {
	var b strings.Builder
	for _, r := range remote.Printable(s) {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '\\', '`', '*', '_', '{', '}', '[', ']', '(', ')', '#', '!', '|', '~', '@':
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fenceFor is a fence longer than any run of back quotes in the lines.
func fenceFor(lines []string) string {
	longest := 2
	for _, l := range lines {
		longest = max(longest, longestRun(l, '`'))
	}
	return strings.Repeat("`", longest+1)
}

func longestRun(s string, c rune) int {
	longest, run := 0, 0
	for _, r := range s {
		if r != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
