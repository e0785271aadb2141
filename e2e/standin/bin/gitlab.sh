#!/usr/bin/env bash
# Runs the pipeline of this directory under gitlab-ci-local, whose jobs get the variables and the
# token of the step that "pipeseal-lab run --ci gitlab" plays. Every job of it runs as that step,
# with this shell, or as the arguments say.
set -euo pipefail

# The project's container registry is the lab's.
export CI_REGISTRY=$PIPESEAL_LAB_REGISTRY CI_REGISTRY_IMAGE=$PIPESEAL_LAB_REGISTRY/$CI_PROJECT_PATH
export CI_REGISTRY_USER=octocat CI_REGISTRY_PASSWORD=secret

args=() names=()
while IFS='=' read -r name value; do
	case $name in
	CI_PROJECT_DIR | CI_BUILDS_DIR | CI_JOB_STAGE | CI_JOB_NAME) ;; # these are gitlab-ci-local's to say
	CI_* | GITLAB_* | SIGSTORE_ID_TOKEN)
		args+=(--variable "$name=$value")
		names+=("$name")
		;;
	esac
done < <(env)
IFS=,
[ "$#" -gt 0 ] || set -- --force-shell-executor
exec gitlab-ci-local --ignore-predefined-vars "${names[*]}" "${args[@]}" "$@"
