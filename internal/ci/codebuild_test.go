package ci

import "testing"

// TestCodeBuildPartitions: the parts of AWS have consoles and services of their own.
func TestCodeBuildPartitions(t *testing.T) {
	const build = ":codebuild:r-1:123456789012:build/app:b1e6661e-e4f2-4156-9ab9-82a190123456"
	for arn, want := range map[string]string{
		"arn:aws" + build:        "https://r-1.console.aws.amazon.com/codesuite/codebuild/123456789012/projects/app",
		"arn:aws-cn" + build:     "https://r-1.console.amazonaws.cn/codesuite/codebuild/123456789012/projects/app",
		"arn:aws-us-gov" + build: "https://r-1.console.amazonaws-us-gov.com/codesuite/codebuild/123456789012/projects/app",
	} {
		if b := detected(t, "codebuild", "CODEBUILD_BUILD_ARN="+arn); b.Definition.URI != want {
			t.Errorf("%s: got %s", arn, b.Definition.URI)
		}
	}
	// The version of a source that is no repository is no commit.
	if b := detected(t, "codebuild", "CODEBUILD_SOURCE_REPO_URL=s3://acme/app.zip", "CODEBUILD_RESOLVED_SOURCE_VERSION=3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"); b.Source.URI != "" || b.Source.Commit != "" {
		t.Errorf("got %+v", b.Source)
	}
}
