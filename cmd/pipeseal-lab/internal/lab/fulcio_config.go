package lab

import (
	"github.com/sigstore/fulcio/pkg/certificate"
	"github.com/sigstore/fulcio/pkg/config"
)

// fulcioConfig says whose tokens Fulcio takes and which certificate extensions it makes
// of their claims. The templates for GitHub, GitLab, Buildkite, CircleCI and Codefresh are the public
// instance's (github.com/sigstore/fulcio, config/identity/config.yaml), so that a certificate
// of the lab looks like one of the public instance but for its issuer.
func fulcioConfig(oidc *issuer, audience string) *config.FulcioConfig {
	providers := map[Issuer]config.IssuerMetadata{
		GitHub: githubTemplates(), GitLab: gitlabTemplates(), Jenkins: jenkinsTemplates(), Forgejo: forgejoTemplates(),
		Buildkite: buildkiteTemplates(), CircleCI: circleTemplates(), Azure: azureTemplates(), Bitbucket: bitbucketTemplates(), Codefresh: codefreshTemplates(),
	}
	cfg := &config.FulcioConfig{
		OIDCIssuers:      map[string]config.OIDCIssuer{},
		CIIssuerMetadata: map[string]config.IssuerMetadata{},
	}
	for _, as := range Issuers() {
		i := config.OIDCIssuer{IssuerURL: oidc.url(as), ClientID: audience, Type: config.IssuerTypeEmail}
		if templates, ok := providers[as]; ok {
			i.Type, i.CIProvider = config.IssuerTypeCIProvider, string(as)
			cfg.CIIssuerMetadata[string(as)] = templates
		} else if as == Kubernetes {
			i.Type = config.IssuerTypeKubernetes
		}
		cfg.OIDCIssuers[i.IssuerURL] = i
	}
	return cfg
}

func githubTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"url": "https://github.com", "environment": ""},
		SubjectAlternativeNameTemplate: "{{ .url }}/{{ .job_workflow_ref }}",
		ExtensionTemplates: certificate.Extensions{
			GithubWorkflowTrigger:               "event_name",
			GithubWorkflowSHA:                   "sha",
			GithubWorkflowName:                  "workflow",
			GithubWorkflowRepository:            "repository",
			GithubWorkflowRef:                   "ref",
			BuildSignerURI:                      "{{ .url }}/{{ .job_workflow_ref }}",
			BuildSignerDigest:                   "job_workflow_sha",
			RunnerEnvironment:                   "runner_environment",
			SourceRepositoryURI:                 "{{ .url }}/{{ .repository }}",
			SourceRepositoryDigest:              "sha",
			SourceRepositoryRef:                 "ref",
			SourceRepositoryIdentifier:          "repository_id",
			SourceRepositoryOwnerURI:            "{{ .url }}/{{ .repository_owner }}",
			SourceRepositoryOwnerIdentifier:     "repository_owner_id",
			BuildConfigURI:                      "{{ .url }}/{{ .workflow_ref }}",
			BuildConfigDigest:                   "workflow_sha",
			BuildTrigger:                        "event_name",
			RunInvocationURI:                    "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
			SourceRepositoryVisibilityAtSigning: "repository_visibility",
			DeploymentEnvironment:               "environment",
		},
	}
}

func gitlabTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"url": "https://gitlab.com", "environment": ""},
		SubjectAlternativeNameTemplate: "https://{{ .ci_config_ref_uri }}",
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:                      "https://{{ .ci_config_ref_uri }}",
			BuildSignerDigest:                   "ci_config_sha",
			RunnerEnvironment:                   "runner_environment",
			SourceRepositoryURI:                 "{{ .url }}/{{ .project_path }}",
			SourceRepositoryDigest:              "sha",
			SourceRepositoryRef:                 `refs/{{if eq .ref_type "branch"}}heads/{{ else }}tags/{{end}}{{ .ref }}`,
			SourceRepositoryIdentifier:          "project_id",
			SourceRepositoryOwnerURI:            "{{ .url }}/{{ .namespace_path }}",
			SourceRepositoryOwnerIdentifier:     "namespace_id",
			BuildConfigURI:                      "https://{{ .ci_config_ref_uri }}",
			BuildConfigDigest:                   "ci_config_sha",
			BuildTrigger:                        "pipeline_source",
			RunInvocationURI:                    "{{ .url }}/{{ .project_path }}/-/jobs/{{ .job_id }}",
			SourceRepositoryVisibilityAtSigning: "project_visibility",
			DeploymentEnvironment:               "environment",
		},
	}
}

// buildkiteTemplates do not name the repository.
func buildkiteTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"url": "https://buildkite.com"},
		SubjectAlternativeNameTemplate: "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}",
		ExtensionTemplates: certificate.Extensions{
			RunInvocationURI:       "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}/builds/{{.build_number}}#{{.job_id}}",
			RunnerEnvironment:      "runner_environment",
			SourceRepositoryDigest: "build_commit",
			BuildTrigger:           "build_source",
		},
	}
}

// circleTemplates name no commit. The two slashes of the run and the quotes around no
// runner are the public instance's.
func circleTemplates() config.IssuerMetadata {
	const signer = `{{.api_url}}/projects/{{(index . "oidc.circleci.com/project-id")}}/pipeline-definitions/{{(index . "oidc.circleci.com/pipeline-definition-id")}}`
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"api_url": "https://circleci.com/api/v2", "platform_url": "https://app.circleci.com/"},
		SubjectAlternativeNameTemplate: signer,
		ExtensionTemplates: certificate.Extensions{
			BuildConfigURI:      `{{.api_url}}/pipeline/{{(index . "oidc.circleci.com/pipeline-id")}}/config`,
			BuildSignerURI:      signer,
			RunInvocationURI:    `{{.platform_url}}/workflow/{{(index . "oidc.circleci.com/workflow-id")}}/job/{{(index . "oidc.circleci.com/job-id")}}`,
			RunnerEnvironment:   `{{if eq (index . "oidc.circleci.com/ssh-rerun") "true"}}ssh-rerun{{ else }}""{{end}}`,
			SourceRepositoryRef: `{{index . "oidc.circleci.com/vcs-ref"}}`,
			SourceRepositoryURI: `{{index . "oidc.circleci.com/vcs-origin"}}`,
		},
	}
}

func codefreshTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"platform_url": "https://g.codefresh.io", "scm_repo_url": "", "scm_ref": "", "runner_environment": ""},
		SubjectAlternativeNameTemplate: "{{.platform_url}}/{{.account_name}}/{{.pipeline_name}}:{{.account_id}}/{{.pipeline_id}}",
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:      "{{.platform_url}}/build/{{ .workflow_id }}",
			RunnerEnvironment:   "runner_environment",
			SourceRepositoryURI: "scm_repo_url",
			SourceRepositoryRef: "scm_ref",
			BuildConfigURI:      "{{.platform_url}}/api/pipelines/{{ .pipeline_id }}",
			RunInvocationURI:    "{{.platform_url}}/build/{{ .workflow_id }}",
		},
	}
}
