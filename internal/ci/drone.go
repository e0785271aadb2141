package ci

import "github.com/pipeseal/pipeseal/internal/build"

// droneSystem is Drone, and Harness as far as it sets Drone's variables. A pull request is
// merged into its target before the steps run, so the checkout is at a commit that nobody
// else has.
func droneSystem() system {
	return system{
		name: "drone", variable: "DRONE", value: "true", workspace: "DRONE_WORKSPACE", detached: []string{"pull_request"},
		facts: droneFacts(), read: readDrone, finish: describe,
	}
}

// droneFacts are the variables of a step (docs.drone.io: "Pipeline / Environment /
// Reference"; github.com/drone/runner-go, environ).
func droneFacts() []fact {
	return []fact{
		{variable: "DRONE_REPO_LINK", form: cloneURL, field: sourceURI},
		{variable: "DRONE_REPO_VISIBILITY", form: text, field: visibility},
		{variable: "DRONE_COMMIT_SHA", form: commit, field: sourceCommit},
		{variable: "DRONE_COMMIT_REF", form: fullRef, field: sourceRef},
		{variable: "DRONE_REPO_NAME", form: text, field: definitionName},
		{variable: "DRONE_BUILD_NUMBER", form: number, field: runID},
		{variable: "DRONE_BUILD_NUMBER", form: number, field: runNumber},
		{variable: "DRONE_BUILD_LINK", form: page, field: runURI},
		{variable: "DRONE_BUILD_EVENT", form: text, field: trigger},
		{variable: "DRONE_BUILD_TRIGGER", form: text, field: actor},
		{variable: "DRONE_STAGE_NAME", form: text, field: job},
		{variable: "DRONE_STAGE_MACHINE", form: text, field: runnerName},
		{variable: "DRONE_STAGE_OS", form: text, field: runnerOS},
		{variable: "DRONE_STAGE_ARCH", form: text, field: runnerArch},
	}
}

func readDrone(e *env, b *build.Build) {
	for _, v := range []string{"DRONE_SYSTEM_HOST", "DRONE_REPO_LINK", "DRONE_COMMIT_SHA", "DRONE_BUILD_NUMBER", "DRONE_BUILD_LINK"} {
		e.require(v)
	}
	host := e.read("DRONE_SYSTEM_HOST", text)
	at, err := base(e.read("DRONE_SYSTEM_PROTO", text) + "://" + host)
	if host != "" && err != nil {
		e.refuse("DRONE_SYSTEM_PROTO with DRONE_SYSTEM_HOST", err)
	}
	b.Server, b.Builder.ID = at, at
	b.Run.InvocationURI = b.Run.URI
	b.Run.Started = e.seconds("DRONE_STAGE_STARTED")
	change(b, map[string]string{
		"id":     e.read("DRONE_PULL_REQUEST", number),
		"branch": e.read("DRONE_SOURCE_BRANCH", text),
		"target": e.read("DRONE_TARGET_BRANCH", text),
	})
	b.Internal = map[string]any{"drone": known(map[string]string{
		"step": e.read("DRONE_STEP_NAME", text), "parent": e.parent("DRONE_BUILD_PARENT"),
	})}
	b.Run.Step = stepOf(b.Run.Job, e.read("DRONE_STEP_NAME", text))
}
