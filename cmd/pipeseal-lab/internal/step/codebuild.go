package step

import "strconv"

// codebuildEnviron are the variables of docs.aws.amazon.com/codebuild, "Environment variables
// in build environments", and a machine's token, as a step may ask AWS for.
func (s *Step) codebuildEnviron(p Places) map[string]string {
	id := s.source.name + ":" + stableUUID("build "+s.run.id)
	return map[string]string{
		"CODEBUILD_BUILD_ARN":               "arn:aws:codebuild:eu-west-1:123456789012:build/" + id,
		"CODEBUILD_BUILD_ID":                id,
		"CODEBUILD_BUILD_IMAGE":             "aws/codebuild/amazonlinux-x86_64-standard:5.0",
		"CODEBUILD_BUILD_NUMBER":            s.run.id,
		"CODEBUILD_INITIATOR":               actor,
		"CODEBUILD_RESOLVED_SOURCE_VERSION": s.source.commit,
		"CODEBUILD_SOURCE_REPO_URL":         s.gitURL() + ".git",
		"CODEBUILD_SRC_DIR":                 s.workspace(),
		"CODEBUILD_START_TIME":              strconv.FormatInt(s.started.UnixMilli(), 10),
		"CODEBUILD_WEBHOOK_EVENT":           s.event,
		"CODEBUILD_WEBHOOK_HEAD_REF":        s.ref(),
		"CODEBUILD_WEBHOOK_TRIGGER":         "branch/" + s.source.branch,
		"SIGSTORE_ID_TOKEN":                 p.Token,
	}
}
