package ci

import "cmp"

// defaultStep is the name of a step in a job that has none.
const defaultStep = "build"

// member is the name of a step in one of several parallel members of a job: they would
// record themselves under one name otherwise.
func member(job, which string) string {
	return cmp.Or(job, defaultStep) + "-" + which
}

// stepOf is the name of a step in a job, where both have names.
func stepOf(job, step string) string {
	if job == "" || step == "" {
		return job + step
	}
	return job + "-" + step
}
