package ci

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/build"
)

func detected(t *testing.T, ci string, changes ...string) build.Build {
	t.Helper()
	b, err := Detect(Options{Getenv: getenv(environment(t, ci, changes...)), Dir: t.TempDir(), Generic: flags(ci)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConfirmRefusesEveryPair changes each claim that has a counterpart in the
// environment, one at a time.
func TestConfirmRefusesEveryPair(t *testing.T) {
	other := map[string]string{
		"repository": "acme/other", "repository_id": "1", "repository_owner": "other", "repository_owner_id": "1",
		"sha": "0000000000000000000000000000000000000001", "ref": "refs/heads/other", "workflow": "Other",
		"workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main", "workflow_sha": "0000000000000000000000000000000000000001",
		"run_id": "1", "run_number": "1", "run_attempt": "1", "event_name": "schedule", "actor": "someone", "runner_environment": "other-hosted",

		"project_path": "my-group/other", "project_id": "1", "namespace_path": "other", "namespace_id": "1", "project_visibility": "public",
		"ref_path": "refs/tags/main", "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//other.yml@refs/heads/main",
		"ci_config_sha": "0000000000000000000000000000000000000001", "pipeline_id": "1", "pipeline_source": "schedule", "user_login": "someone",
		"job_id": "1", "runner_id": "1",

		"git_url": "https://git.example.com/acme/other", "git_commit": "0000000000000000000000000000000000000001", "job_name": "other",
		"job_url": "https://jenkins.example.com/job/other/", "sub": "https://jenkins.example.com/job/other/", "build_number": "1",
		"build_url": "https://jenkins.example.com/job/other/1/", "git_ref": "refs/heads/other",

		"build_commit": "0000000000000000000000000000000000000001", "build_branch": "other", "build_tag": "v9", "pipeline_slug": "other",
		"organization_slug": "other", "build_source": "schedule", "step_key": "other",

		"oidc.circleci.com/vcs-origin": "github.com/acme/other", "oidc.circleci.com/vcs-ref": "refs/heads/other",
		"oidc.circleci.com/pipeline-id": uuid1, "oidc.circleci.com/workflow-id": uuid1, "oidc.circleci.com/job-id": uuid1,

		"rpo_uri": "https://dev.azure.com/acme/The%20App/_git/other", "rpo_id": uuid1, "rpo_ref": "refs/heads/other", "def_id": "1",
		"rpo_ver": "0000000000000000000000000000000000000001",

		"repositoryUuid": uuid1, "stepUuid": uuid1, "branchName": "other",

		"iss": "https://github.example.org/_services/token",

		"platform_url": "https://codefresh.example.org", "scm_repo_url": "https://github.com/acme/other", "pipeline_name": "app/other",
		"workflow_id": "1", "email": "other@acme-build.iam.gserviceaccount.com",
	}
	// A claim of one name in the tokens of several CIs.
	elsewhere := map[string]map[string]string{
		"gitlab":    {"ref": "other", "iss": "https://gitlab.com"},
		"forgejo":   {"iss": "https://forgejo.example.org/api/actions"},
		"gitea":     {"iss": "https://gitea.example.org/api/actions"},
		"buildkite": {"job_id": uuid1},
		"tekton":    {"sub": "system:serviceaccount:other:builder"},
	}
	for _, s := range systems() {
		if s.byFlags {
			continue
		}
		b, c := detected(t, s.name), payload(t, s.name)
		seen := map[string]bool{}
		for _, f := range s.facts {
			if f.claim == "" || f.variable == "" || seen[f.claim] {
				continue
			}
			seen[f.claim] = true
			t.Run(s.name+"/"+f.claim, func(t *testing.T) {
				value, ok := other[f.claim]
				if !ok {
					t.Fatalf("the test has no other value for %s", f.claim)
				}
				if own := elsewhere[s.name][f.claim]; own != "" {
					value = own
				}
				changed := maps.Clone(c)
				changed[f.claim] = value
				_, err := Confirm(b, changed)
				if f.field(&b) == nil || *f.field(&b) == "" {
					return // the environment does not tell
				}
				refusal(t, err, "the token says "+f.claim+"="+value, f.variable+" says ")
			})
		}
	}
}

const uuid1 = "00000000-0000-4000-8000-000000000001"

func TestConfirmNamesBothValues(t *testing.T) {
	c := payload(t, "github")
	c["repository"] = "acme/evil"
	_, err := Confirm(detected(t, "github"), c)
	refusal(t, err, "the token says repository=acme/evil, GITHUB_REPOSITORY says acme/app")
}

func TestConfirmRefusesHostileClaims(t *testing.T) {
	for claim, value := range map[string]any{
		"job_workflow_ref":      "acme/app/x.yml@refs/heads/main\n::set-output name=a::b",
		"repository_visibility": strings.Repeat("a", 1<<20),
		"runner_environment":    "a\x00b",
		"sha":                   json.Number("12"),
		"repository_id":         json.Number("1e400"),
		"ref":                   []any{"refs/heads/main"},
		"actor":                 map[string]any{"login": "octocat"},
		"run_id":                1.5e9,
	} {
		t.Run(claim, func(t *testing.T) {
			c := payload(t, "github")
			c[claim] = value
			_, err := Confirm(detected(t, "github"), c)
			refusal(t, err, claim)
		})
	}
}

func TestConfirmKeepsNumbersExact(t *testing.T) {
	const id = "9007199254740993" // 2^53 + 1
	b := detected(t, "github", "GITHUB_REPOSITORY_ID="+id)
	c := payload(t, "github")
	c["repository_id"] = json.Number(id)
	b, err := Confirm(b, c)
	if err != nil || b.Source.ID != id {
		t.Errorf("got %q, %v", b.Source.ID, err)
	}
	c["repository_id"] = json.Number("9007199254740992")
	_, err = Confirm(b, c)
	refusal(t, err, "repository_id=9007199254740992", "GITHUB_REPOSITORY_ID says "+id)
}

// TestConfirmFillsIn leaves out variables that older and other runners do not set.
func TestConfirmFillsIn(t *testing.T) {
	full, err := Confirm(detected(t, "github"), payload(t, "github"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Confirm(detected(t, "github", "GITHUB_WORKFLOW_REF=", "GITHUB_WORKFLOW_SHA=", "GITHUB_REPOSITORY_ID=", "GITHUB_REPOSITORY_OWNER_ID=", "RUNNER_ENVIRONMENT=", "GITHUB_RUN_ATTEMPT="), payload(t, "github"))
	if err != nil {
		t.Fatal(err)
	}
	if string(encode(t, full)) != string(encode(t, b)) {
		t.Errorf("got %s", encode(t, b))
	}
	if want := "https://github.com/acme/workflows/.github/workflows/go.yml@refs/tags/v3"; b.Builder.ID != want {
		t.Errorf("builder %s", b.Builder.ID)
	}
}

func TestConfirmIgnoresNull(t *testing.T) {
	c := payload(t, "gitlab")
	c["runner_environment"], c["ci_config_sha"], c["ref_path"] = nil, nil, nil
	if _, err := Confirm(detected(t, "gitlab"), c); err != nil {
		t.Error(err)
	}
}

func TestGitLabRefs(t *testing.T) {
	for _, tc := range []struct {
		set, ref, kind, want string
	}{
		{"CI_COMMIT_TAG=main", "main", "tag", "refs/tags/main"},
		{"CI_MERGE_REQUEST_IID=7", "main", "branch", "refs/heads/main"},
	} {
		c := payload(t, "gitlab")
		delete(c, "ref_path")
		c["ref"], c["ref_type"] = tc.ref, tc.kind
		b, err := Confirm(detected(t, "gitlab", tc.set), c)
		if err != nil || b.Source.Ref != tc.want {
			t.Errorf("got %q, %v", b.Source.Ref, err)
		}
	}
	c := payload(t, "gitlab")
	c["ref_type"] = "stage"
	_, err := Confirm(detected(t, "gitlab"), c)
	refusal(t, err, "ref_type")
	c = payload(t, "gitlab")
	c["ci_config_ref_uri"] = "nonsense"
	_, err = Confirm(detected(t, "gitlab"), c)
	refusal(t, err, "ci_config_ref_uri")
}

func TestGitLabConfigElsewhere(t *testing.T) {
	for _, path := range []string{"ci.yml@my-group/ci", "https://user:hidden@example.com/ci.yml"} {
		b := detected(t, "gitlab", "CI_CONFIG_PATH="+path)
		if b.Definition.Path != "" || b.Definition.Commit != "" {
			t.Errorf("%s: got %+v", path, b.Definition)
		}
		if strings.Contains(string(encode(t, b)), "hidden") {
			t.Error("a credential is in the build")
		}
	}
}

func TestGitLabRunnerVersions(t *testing.T) {
	for version, want := range map[string]string{
		"18.5.0":                   "v18.5.0",
		"18.6.0~pre.12.g4d7093e1":  "4d7093e1",
		"development version":      "4d7093e1",
		"":                         "4d7093e1",
		"../../../evil@main#x?y=z": "4d7093e1",
	} {
		b := detected(t, "gitlab", "CI_RUNNER_VERSION="+version)
		if !strings.Contains(b.Type, "/-/blob/"+want+"/PROVENANCE.md") {
			t.Errorf("%q: got %s", version, b.Type)
		}
	}
}

func TestJenkinsRefs(t *testing.T) {
	for _, tc := range []struct {
		set  []string
		want string
	}{
		{[]string{"TAG_NAME=v1"}, "refs/tags/v1"},
		{[]string{"BRANCH_NAME=", "GIT_BRANCH=origin/topic/x"}, "refs/heads/topic/x"},
		{[]string{"BRANCH_NAME=", "GIT_BRANCH=detached"}, ""},
		{[]string{"BRANCH_NAME=PR-12", "CHANGE_ID=12", "CHANGE_BRANCH=fix", "CHANGE_TARGET=main"}, ""},
	} {
		b := detected(t, "jenkins", tc.set...)
		if b.Source.Ref != tc.want {
			t.Errorf("%v: got %q", tc.set, b.Source.Ref)
		}
	}
	b, err := Confirm(detected(t, "jenkins", "BRANCH_NAME=PR-12", "CHANGE_ID=12", "CHANGE_TARGET=main"), nil)
	if err != nil {
		t.Fatal(err)
	}
	change, _ := b.External["change"].(map[string]any)
	if change["id"] != "12" || change["target"] != "main" {
		t.Errorf("got %v", b.External)
	}
}

func TestJenkinsSubjectOfAnotherShape(t *testing.T) {
	c := payload(t, "jenkins")
	c["sub"] = "jenkins:main:42"
	if _, err := Confirm(detected(t, "jenkins"), c); err != nil {
		t.Error(err)
	}
}

func TestGenericClaims(t *testing.T) {
	o := Options{CI: "generic", Getenv: getenv(nil), Dir: t.TempDir(), Generic: described}
	b, err := Detect(o)
	if err != nil {
		t.Fatal(err)
	}
	buildkite := map[string]any{
		"iss": "https://agent.buildkite.com", "organization_slug": "acme", "pipeline_slug": "nightly", "build_number": json.Number("9"),
		"build_commit": strings.ToLower(described.Commit), "build_source": "schedule", "job_id": "0184990a-477b", "runner_environment": "self-hosted",
	}
	t.Run("contradiction", func(t *testing.T) {
		_, err := Confirm(b, buildkite)
		refusal(t, err, "build_number=9", "--run-id says 2025-11-21.3")
	})
	t.Run("buildkite", func(t *testing.T) {
		b := b
		b.Run.ID = ""
		b, err := Confirm(b, buildkite)
		if err != nil {
			t.Fatal(err)
		}
		if want := "https://buildkite.com/acme/nightly/builds/9#0184990a-477b"; b.Run.InvocationURI != want || b.Run.Trigger != "schedule" {
			t.Errorf("got %+v", b.Run)
		}
	})
	t.Run("unknown issuer", func(t *testing.T) {
		got, err := Confirm(b, map[string]any{"iss": "https://token.actions.githubusercontent.com.evil.example", "sha": "nonsense"})
		if err != nil || got.Source != b.Source {
			t.Errorf("got %+v, %v", got.Source, err)
		}
	})
	t.Run("github's token fills everything in", func(t *testing.T) {
		b, err := Detect(Options{CI: "generic", Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if b, err = Confirm(b, payload(t, "github")); err != nil {
			t.Fatal(err)
		}
		if b.Source.URI != "https://github.com/acme/app" || b.Run.InvocationURI != "https://github.com/acme/app/actions/runs/1658821493/attempts/2" {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("github's token against a flag", func(t *testing.T) {
		_, err := Confirm(b, payload(t, "github"))
		refusal(t, err, "the token says repository=acme/app, --source says https://git.example.com/acme/app")
	})
}

func TestConfirmNamesWhatIsMissing(t *testing.T) {
	b, err := Detect(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Confirm(b, nil)
	refusal(t, err, "source repository, commit, pipeline, run, builder")
	if _, err := Confirm(build.Build{CI: "other"}, nil); err == nil {
		t.Error("a build of no CI was confirmed")
	}
}

func TestConfirmLeavesItsArgumentAlone(t *testing.T) {
	b := detected(t, "gitlab")
	before := string(encode(t, b))
	if _, err := Confirm(b, payload(t, "gitlab")); err != nil {
		t.Fatal(err)
	}
	if before != string(encode(t, b)) {
		t.Error("the argument was changed")
	}
}
