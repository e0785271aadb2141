package step

import "strconv"

const droneServer = "drone.example.com"

// droneEnviron are the variables of docs.drone.io, "Environment Reference", on a Kubernetes
// runner, and the pod's token.
func (s *Step) droneEnviron(p Places) map[string]string {
	vars := map[string]string{
		"CI":                    "true",
		"DRONE":                 "true",
		"DRONE_BUILD_EVENT":     s.event,
		"DRONE_BUILD_LINK":      "https://" + droneServer + "/" + s.source.repository + "/" + s.run.id,
		"DRONE_BUILD_NUMBER":    s.run.id,
		"DRONE_BUILD_PARENT":    "0",
		"DRONE_BUILD_TRIGGER":   actor,
		"DRONE_COMMIT_REF":      s.ref(),
		"DRONE_COMMIT_SHA":      s.source.commit,
		"DRONE_REPO":            s.source.repository,
		"DRONE_REPO_LINK":       s.gitURL(),
		"DRONE_REPO_NAME":       s.source.name,
		"DRONE_REPO_OWNER":      s.source.owner,
		"DRONE_REPO_VISIBILITY": s.source.visibility,
		"DRONE_STAGE_ARCH":      "amd64",
		"DRONE_STAGE_MACHINE":   "runner-1",
		"DRONE_STAGE_NAME":      s.job,
		"DRONE_STAGE_OS":        "linux",
		"DRONE_STAGE_STARTED":   strconv.FormatInt(s.started.Unix(), 10),
		"DRONE_STEP_NAME":       "seal",
		"DRONE_SYSTEM_HOST":     droneServer,
		"DRONE_SYSTEM_PROTO":    "https",
		"DRONE_WORKSPACE":       s.workspace(),
		"SIGSTORE_ID_TOKEN":     p.Token,
	}
	if s.event == "pull_request" {
		vars["DRONE_COMMIT_REF"] = "refs/pull/" + changeNumber + "/head"
		vars["DRONE_PULL_REQUEST"] = changeNumber
		vars["DRONE_SOURCE_BRANCH"] = s.source.branch
		vars["DRONE_TARGET_BRANCH"] = defaultBranch
	}
	return vars
}
