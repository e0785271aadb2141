package lab

import (
	"github.com/sigstore/fulcio/pkg/certificate"
	"github.com/sigstore/fulcio/pkg/config"
)

// The templates in this file are the lab's own, for no public instance takes these CIs'
// tokens. A private Fulcio can use them as they stand.

// jenkinsTemplates: sub and build_number are in every token of the oidc-provider plugin; the others are
// claim templates an administrator adds to it under the variables' names, as docs/lab.md
// says. The signer is the job, because that is what the subject names.
func jenkinsTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"runner_environment": "self-hosted"},
		SubjectAlternativeNameTemplate: "sub",
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:         "sub",
			RunnerEnvironment:      "runner_environment",
			SourceRepositoryURI:    "git_url",
			SourceRepositoryDigest: "git_commit",
			SourceRepositoryRef:    "git_ref",
			BuildConfigURI:         "sub",
			RunInvocationURI:       "build_url",
		},
	}
}

// forgejoTemplates are as GitHub's, as far as Forgejo's tokens go.
func forgejoTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"url": "https://codeberg.org"},
		SubjectAlternativeNameTemplate: "{{ .url }}/{{ .workflow_ref }}",
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:                  "{{ .url }}/{{ .workflow_ref }}",
			SourceRepositoryURI:             "{{ .url }}/{{ .repository }}",
			SourceRepositoryDigest:          "sha",
			SourceRepositoryRef:             "ref",
			SourceRepositoryIdentifier:      "repository_id",
			SourceRepositoryOwnerURI:        "{{ .url }}/{{ .repository_owner }}",
			SourceRepositoryOwnerIdentifier: "repository_owner_id",
			BuildConfigURI:                  "{{ .url }}/{{ .workflow_ref }}",
			BuildTrigger:                    "event_name",
			RunInvocationURI:                "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
		},
	}
}

// azureTemplates name a pipeline of one project, whose URL the instance's administrator
// fills in: the token has only the project's UUID.
func azureTemplates() config.IssuerMetadata {
	return config.IssuerMetadata{
		DefaultTemplateValues:          map[string]string{"project": "https://dev.azure.com/acme/app"},
		SubjectAlternativeNameTemplate: "{{ .project }}/_build?definitionId={{ .def_id }}",
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:             "{{ .project }}/_build?definitionId={{ .def_id }}",
			SourceRepositoryURI:        "rpo_uri",
			SourceRepositoryDigest:     "rpo_ver",
			SourceRepositoryRef:        "rpo_ref",
			SourceRepositoryIdentifier: "rpo_id",
			BuildConfigURI:             "{{ .project }}/_build?definitionId={{ .def_id }}",
			RunInvocationURI:           "{{ .project }}/_build/results?buildId={{ .run_id }}",
		},
	}
}

// bitbucketTemplates name workspace and repository by their UUIDs, for the token has no
// other names; it has neither the commit nor the run's number.
func bitbucketTemplates() config.IssuerMetadata {
	const repository = "https://bitbucket.org/{{ .workspaceUuid }}/{{ .repositoryUuid }}"
	return config.IssuerMetadata{
		SubjectAlternativeNameTemplate: repository,
		ExtensionTemplates: certificate.Extensions{
			BuildSignerURI:             repository,
			SourceRepositoryIdentifier: "repositoryUuid",
		},
	}
}
