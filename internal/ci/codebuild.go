package ci

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
)

// codebuildSystem is AWS CodeBuild. A build whose source is a CodePipeline or a bucket has
// neither repository nor commit.
func codebuildSystem() system {
	return system{
		name: "codebuild", variable: "CODEBUILD_BUILD_ARN", workspace: "CODEBUILD_SRC_DIR", adopts: true,
		facts: codebuildFacts(), read: readCodeBuild, finish: describe,
	}
}

// codebuildFacts are the variables of a build (docs.aws.amazon.com/codebuild: "Environment
// variables in build environments").
func codebuildFacts() []fact {
	return []fact{
		{variable: "CODEBUILD_SOURCE_REPO_URL", form: cloneURL, field: sourceURI},
		{variable: "CODEBUILD_RESOLVED_SOURCE_VERSION", form: commitOrNone, field: sourceCommit},
		{variable: "CODEBUILD_WEBHOOK_TRIGGER", form: fullRef, field: sourceRef, derived: true},
		{variable: "CODEBUILD_BUILD_ARN", form: text, field: definitionName, derived: true},
		{variable: "CODEBUILD_BUILD_ARN", form: text, field: definitionURI, derived: true},
		{variable: "CODEBUILD_BUILD_ARN", form: uuid, field: runID, derived: true},
		{variable: "CODEBUILD_BUILD_ARN", form: page, field: runURI, derived: true},
		{variable: "CODEBUILD_BUILD_ARN", form: page, field: builderID, derived: true},
		{variable: "CODEBUILD_BUILD_NUMBER", form: number, field: runNumber},
		{variable: "CODEBUILD_WEBHOOK_EVENT", form: text, field: trigger},
		{variable: "CODEBUILD_INITIATOR", form: text, field: actor},
		{variable: "CODEBUILD_BATCH_BUILD_IDENTIFIER", form: text, field: job},
	}
}

// buildARN is partition, region, account, project and build (docs.aws.amazon.com, Service
// Authorization Reference, "Resource types defined by AWS CodeBuild").
var buildARN = regexp.MustCompile(`^arn:(aws[a-z-]*):codebuild:([a-z0-9-]+):([0-9]{12}):build/([A-Za-z0-9_-]+):([0-9a-f-]{36})$`)

// partition is where a part of AWS has its services and its console.
type partition struct{ service, console string }

func partitions() map[string]partition {
	return map[string]partition{
		"aws":        {"amazonaws.com", "console.aws.amazon.com"},
		"aws-cn":     {"amazonaws.com.cn", "console.amazonaws.cn"},
		"aws-us-gov": {"amazonaws.com", "console.amazonaws-us-gov.com"},
	}
}

func readCodeBuild(e *env, b *build.Build) {
	arn := buildARN.FindStringSubmatch(e.read("CODEBUILD_BUILD_ARN", text))
	if arn == nil {
		e.refuse("CODEBUILD_BUILD_ARN", errors.New("is not the ARN of a build"))
		return
	}
	region, account, project, id := arn[2], arn[3], arn[4], arn[5]
	at, ok := partitions()[arn[1]]
	if !ok {
		e.refuse("CODEBUILD_BUILD_ARN", errors.New("is of a partition of AWS that is not known"))
		return
	}
	b.Server = "https://codebuild." + region + "." + at.service
	b.Builder.ID = b.Server
	b.Definition.Name = project
	b.Definition.URI = "https://" + region + "." + at.console + "/codesuite/codebuild/" + account + "/projects/" + project
	b.Run.ID = id
	b.Run.URI = b.Definition.URI + "/build/" + url.PathEscape(project+":"+id)
	b.Run.InvocationURI = b.Run.URI
	b.Run.Started = e.time("CODEBUILD_START_TIME", time.UnixMilli)
	b.Internal = map[string]any{"codebuild": known(map[string]string{"image": e.read("CODEBUILD_BUILD_IMAGE", text)})}

	kind, name, _ := strings.Cut(e.read("CODEBUILD_WEBHOOK_TRIGGER", text), "/")
	prefix := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[kind]
	if prefix != "" {
		ref, err := fullRef(prefix + name)
		if err != nil {
			e.refuse("CODEBUILD_WEBHOOK_TRIGGER", err)
		}
		b.Source.Ref = ref
	}
	if kind == "pr" {
		change(b, map[string]string{
			"id":     name,
			"branch": e.read("CODEBUILD_WEBHOOK_HEAD_REF", text),
			"target": e.read("CODEBUILD_WEBHOOK_BASE_REF", text),
		})
	}
}

// commitOrNone is commit, but for the version of a source that is no git repository.
func commitOrNone(s string) (string, error) {
	if c, err := commit(s); err == nil {
		return c, nil
	}
	_, err := text(s)
	return "", err
}
