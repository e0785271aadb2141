package pipeinfo

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// gitlabJob is the path of a GitLab job, which is what its certificates call the run
// invocation. It does not name the pipeline's run.
var gitlabJob = regexp.MustCompile(`/-/jobs/[0-9]+$`)

// circleJob is a CircleCI job in its workflow, which is the run.
var circleJob = regexp.MustCompile(`^(.*/workflow/[^/]+)/job/[^/]+$`)

// certified checks what a certificate says against the head and the place, and returns what
// the certificate does not tell. A field that the certificate carries must be claimed alike;
// one that a head leaves out is a contradiction too, or leaving it out would be a way around
// the check. invocation is what the step claims to be its run invocation.
func (h Head) certified(v Verified, invocation string) (unchecked []string, err error) {
	for _, f := range []struct{ what, certificate, claim string }{
		{"source repository", v.SourceURI, h.Source.URI},
		{"source commit", v.SourceDigest, h.Source.Commit},
		{"source ref", refMeant(v.SourceRef, h.Source.Ref), h.Source.Ref},
		{"pipeline definition", v.BuildConfigURI, h.Definition.URI},
		{"run invocation", v.RunInvocationURI, invocation},
	} {
		switch f.certificate {
		case "":
			unchecked = append(unchecked, f.what+": the certificate does not name it")
		case f.claim:
		default:
			return nil, denied("the certificate's %s is %q, but the document says %q", f.what, show(f.certificate), show(f.claim))
		}
	}
	definition, err := h.definitionNamed(v.BuildConfigURI)
	if err != nil {
		return nil, err
	}
	run, err := h.runNamed(v.RunInvocationURI)
	if err != nil {
		return nil, err
	}
	if !definition && v.BuildConfigURI != "" {
		unchecked = append(unchecked, "definition's path: the certificate names the definition otherwise")
	}
	if !run && v.RunInvocationURI != "" {
		unchecked = append(unchecked, "run: the certificate names the job, not the run")
	}
	return unchecked, nil
}

// refMeant is a certificate's ref, or what it says of the claim where it is no full ref:
// Codefresh's is the name of a branch or of a tag, and nothing tells which.
func refMeant(certificate, claim string) string {
	if certificate != "" && !strings.HasPrefix(certificate, "refs/") && (claim == "refs/heads/"+certificate || claim == "refs/tags/"+certificate) {
		return claim
	}
	return certificate
}

// definitionNamed checks a definition that a certificate names as a file of the source
// repository, "<source>/<path>@<ref>" (with two slashes on GitLab): it must be the one in
// the pipeline's name. A name of another form, such as a Jenkins job's URL or a file of
// another repository, tells nothing about the path: false.
func (h Head) definitionNamed(uri string) (bool, error) {
	rest, here := strings.CutPrefix(uri, h.Source.URI+"/")
	if !here || h.Definition.Path == "" {
		return false, nil
	}
	if !strings.HasPrefix(strings.TrimPrefix(rest, "/"), h.Definition.Path+"@") {
		return false, denied("the certificate's pipeline definition is %q, but the path says %q", show(uri), show(h.Definition.Path))
	}
	return true, nil
}

// runNamed checks that a certificate's run invocation ends in the path's run, and in its
// attempt where it names one ("…/attempts/2"); false means that it names a GitLab job.
func (h Head) runNamed(uri string) (bool, error) {
	if uri == "" || gitlabJob.MatchString(uri) {
		return false, nil
	}
	rest, _, _ := strings.Cut(uri, "#")
	rest = strings.TrimSuffix(rest, "/")
	if m := circleJob.FindStringSubmatch(rest); m != nil {
		rest = m[1]
	}
	rest, attempt, has := strings.Cut(rest, "/attempts/")
	if has && attempt != h.CI.Attempt {
		return false, denied("the certificate is of attempt %q, but the path says %q", show(attempt), show(h.CI.Attempt))
	}
	for _, run := range []string{h.CI.Run, url.PathEscape(h.CI.Run)} {
		if strings.HasSuffix(rest, "/"+run) || strings.HasSuffix(rest, "="+run) {
			return true, nil
		}
	}
	return false, denied("the certificate's run is %q, but the path says %q", show(uri), show(h.CI.Run))
}

// retries tells whether the owner is a later try of the job that wrote the step: the CI counts
// them, or it is a GitLab job before 19.3. There a retried job has the name and the pipeline of the
// one before and a higher id, and nothing else of that name is in the pipeline (docs.gitlab.com,
// "Jobs", "CI/CD YAML syntax reference: retry").
func (o Owner) retries(s Step) bool {
	if o.Try != "" && s.Try != "" {
		return o.Job == s.Job && higher(o.Try, s.Try)
	}
	id, was := gitlabJob.FindString(o.RunInvocationURI), gitlabJob.FindString(s.RunInvocationURI)
	if id == "" || was == "" || o.Job == "" || o.Job != s.Job {
		return false
	}
	if strings.TrimSuffix(o.RunInvocationURI, id) != strings.TrimSuffix(s.RunInvocationURI, was) {
		return false
	}
	return higher(id, was)
}

// higher compares decimals without leading zeros, which may have the same text before them.
func higher(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

// within checks the place in a documents' statement: it must be that of a step of the run.
func (p place) within(run RunPath) error {
	r, _, err := ParseStepPath(p.Path)
	if err != nil {
		return denied("the bundle's predicate: %w", err)
	}
	if r != run {
		return fmt.Errorf("its bundle was made in run %s", r)
	}
	return nil
}
