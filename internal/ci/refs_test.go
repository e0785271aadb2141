package ci

import (
	"maps"
	"strings"
	"testing"
)

// TestRefs: the ref of branches, tags and change requests, which every CI tells in its
// own way; what is no ref of the source repository is not known.
func TestRefs(t *testing.T) {
	for _, tc := range []struct {
		ci   string
		set  []string
		want string
	}{
		{"github", []string{"GITHUB_REF=refs/tags/v1"}, "refs/tags/v1"},
		{"github", []string{"GITHUB_REF=refs/pull/7/merge"}, "refs/pull/7/merge"},
		{"gitlab", []string{"CI_COMMIT_REF_NAME=v1", "CI_COMMIT_TAG=v1"}, "refs/tags/v1"},
		{"buildkite", []string{"BUILDKITE_BRANCH=v1", "BUILDKITE_TAG=v1"}, "refs/tags/v1"},
		{"buildkite", []string{"BUILDKITE_BRANCH=mallory:main", "BUILDKITE_PULL_REQUEST=7"}, ""},
		{"buildkite", []string{"BUILDKITE_BRANCH=feature/ü-🙂"}, "refs/heads/feature/ü-🙂"},
		{"circleci", []string{"CIRCLE_BRANCH=", "CIRCLE_TAG=v1"}, "refs/tags/v1"},
		{"circleci", []string{"CIRCLE_BRANCH=pull/7"}, ""},
		{"circleci", []string{"CIRCLE_BRANCH=::set-output"}, "invalid"},
		{"azure", []string{"BUILD_SOURCEBRANCH=refs/tags/v1"}, "refs/tags/v1"},
		{"azure", []string{"BUILD_SOURCEBRANCH=refs/pull/7/merge"}, "refs/pull/7/merge"},
		{"bitbucket", []string{"BITBUCKET_BRANCH=", "BITBUCKET_TAG=v1"}, "refs/tags/v1"},
		{"bitbucket", []string{"BITBUCKET_BRANCH=-x"}, "refs/heads/-x"},
		{"forgejo", []string{"GITHUB_REF=refs/tags/v1"}, "refs/tags/v1"},
		{"tekton", []string{"TEKTON_SOURCE_REF=refs/tags/v1"}, "refs/tags/v1"},
		{"drone", []string{"DRONE_COMMIT_REF=refs/pull/7/head"}, "refs/pull/7/head"},
		{"woodpecker", []string{"CI_COMMIT_REF=refs/tags/v1"}, "refs/tags/v1"},
		{"codebuild", []string{"CODEBUILD_WEBHOOK_TRIGGER=tag/v1"}, "refs/tags/v1"},
		{"codebuild", []string{"CODEBUILD_WEBHOOK_TRIGGER=pr/7"}, ""},
		{"codebuild", []string{"CODEBUILD_WEBHOOK_TRIGGER=", "CODEBUILD_WEBHOOK_HEAD_REF="}, ""},
		{"cloudbuild", []string{"TAG_NAME=v1", "BRANCH_NAME="}, "refs/tags/v1"},
	} {
		t.Run(tc.ci+" "+strings.Join(tc.set, " "), func(t *testing.T) {
			o := Options{Getenv: getenv(environment(t, tc.ci, tc.set...)), Dir: t.TempDir(), Generic: flags(tc.ci)}
			if tc.want == "invalid" {
				name, _, _ := strings.Cut(tc.set[0], "=")
				refused(t, o, name, "is not a full ref")
				return
			}
			b, err := Detect(o)
			if err != nil || b.Source.Ref != tc.want {
				t.Errorf("got %q, %v; want %q", b.Source.Ref, err, tc.want)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	for _, tc := range []struct {
		ci   string
		set  []string
		want map[string]any
	}{
		{"buildkite", []string{"BUILDKITE_PULL_REQUEST=7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH=main", "BUILDKITE_PULL_REQUEST_REPO=git://x:hidden@github.com/mallory/app.git"},
			map[string]any{"id": "7", "target": "main", "source": "https://github.com/mallory/app"}},
		{"circleci", []string{"CIRCLE_PR_NUMBER=7"}, map[string]any{"id": "7"}},
		{"azure", []string{"SYSTEM_PULLREQUEST_PULLREQUESTID=7", "SYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/fix", "SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main"},
			map[string]any{"id": "7", "branch": "refs/heads/fix", "target": "refs/heads/main"}},
		{"bitbucket", []string{"BITBUCKET_PR_ID=7", "BITBUCKET_PR_DESTINATION_BRANCH=main"}, map[string]any{"id": "7", "target": "main"}},
		{"drone", []string{"DRONE_PULL_REQUEST=7", "DRONE_SOURCE_BRANCH=fix", "DRONE_TARGET_BRANCH=main"}, map[string]any{"id": "7", "branch": "fix", "target": "main"}},
		{"woodpecker", []string{"CI_COMMIT_PULL_REQUEST=7", "CI_COMMIT_SOURCE_BRANCH=fix", "CI_COMMIT_TARGET_BRANCH=main"},
			map[string]any{"id": "7", "branch": "fix", "target": "main"}},
		{"codefresh", []string{"CF_PULL_REQUEST_NUMBER=7", "CF_PULL_REQUEST_TARGET=main"}, map[string]any{"id": "7", "target": "main"}},
		{"codebuild", []string{"CODEBUILD_WEBHOOK_TRIGGER=pr/7", "CODEBUILD_WEBHOOK_HEAD_REF=refs/heads/fix", "CODEBUILD_WEBHOOK_BASE_REF=refs/heads/main"},
			map[string]any{"id": "7", "branch": "refs/heads/fix", "target": "refs/heads/main"}},
		{"cloudbuild", []string{"_PR_NUMBER=7", "_HEAD_BRANCH=fix", "_BASE_BRANCH=main", "_HEAD_REPO_URL=https://github.com/mallory/app"},
			map[string]any{"id": "7", "branch": "fix", "target": "main", "source": "https://github.com/mallory/app"}},
		{"bitbucket", nil, nil},
		{"buildkite", nil, nil},
		{"cloudbuild", nil, nil},
	} {
		b, err := Confirm(detected(t, tc.ci, tc.set...), nil)
		got, _ := b.External["change"].(map[string]any)
		if err != nil || !maps.Equal(got, tc.want) {
			t.Errorf("%s, %v: got %v, %v", tc.ci, tc.set, got, err)
		}
	}
}

// TestHead: a build of "HEAD" has the commit that is checked out, and then the token's.
func TestHead(t *testing.T) {
	const app = "https://github.com/acme/app"
	dir, head := repo(t, app+".git")
	o := Options{Dir: dir, Getenv: getenv(environment(t, "buildkite", "BUILDKITE_COMMIT=HEAD")), Generic: Generic{Definition: ".github/workflows/build.yml"}}
	b, err := Detect(o)
	if err != nil || b.Source.Commit != head || string(b.Definition.Text) != "name: Build\n" {
		t.Fatalf("got %+v, %v", b, err)
	}
	c := payload(t, "buildkite")
	_, err = Confirm(b, c)
	refusal(t, err, "the token says build_commit=83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d", "BUILDKITE_COMMIT", head)
	c["build_commit"] = "HEAD"
	if b, err = Confirm(b, c); err != nil || b.Source.Commit != head {
		t.Errorf("got %q, %v", b.Source.Commit, err)
	}
	o.Dir = t.TempDir()
	if b, err = Detect(o); err != nil {
		t.Fatal(err)
	}
	_, err = Confirm(b, nil)
	refusal(t, err, "not known of this buildkite run: commit")
}

// TestDefinitionOf: what --definition names has the source's commit, and so a text.
func TestDefinitionOf(t *testing.T) {
	dir, head := repo(t, "https://dev.azure.com/acme/The%20App/_git/app")
	b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "azure", "BUILD_SOURCEVERSION="+head)), Generic: Generic{Definition: ".github/workflows/build.yml"}})
	if err != nil || b.Definition.Commit != head || b.Definition.Text == nil {
		t.Errorf("got %+v, %v", b.Definition, err)
	}
	// Where a workflow may stand elsewhere, its URI tells; where there is none, the flag does.
	dir, head = repo(t, "https://codeberg.org/acme/app")
	named := Generic{Definition: ".github/workflows/build.yml"}
	for set, want := range map[string]bool{
		"": true,
		"acme/app/.github/workflows/build.yml@refs/heads/main":   true,
		"acme/rules/.github/workflows/build.yml@refs/heads/main": false,
	} {
		b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "forgejo", "GITHUB_SHA="+head, "GITHUB_WORKFLOW_REF="+set)), Generic: named})
		if err != nil || (b.Definition.Text != nil) != want {
			t.Errorf("%q: got %+v, %v", set, b.Definition, err)
		}
	}
	refused(t, Options{Dir: t.TempDir(), Getenv: getenv(environment(t, "bitbucket")), Generic: Generic{Definition: "other.yml"}}, "--definition says other.yml", "bitbucket-pipelines.yml")
}

// TestMergedPullRequest: Bitbucket merges a pull request before the step runs.
func TestMergedPullRequest(t *testing.T) {
	dir, head := repo(t, "https://bitbucket.org/acme/app")
	vars := environment(t, "bitbucket", "BITBUCKET_PR_ID=7")
	b, err := Detect(Options{Dir: dir, Getenv: getenv(vars)})
	if err != nil || len(b.Materials) != 1 || b.Materials[0].Digest["gitCommit"] != head || b.Definition.Text != nil {
		t.Errorf("got %+v, %v", b, err)
	}
	vars["BITBUCKET_PR_ID"] = ""
	refused(t, Options{Dir: dir, Getenv: getenv(vars)}, head, "BITBUCKET_COMMIT")
}
