package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/internal/ci"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// A step of Woodpecker, Drone or Harness may be a plugin: an image that is started without
// arguments, and whose settings are variables PLUGIN_NAME (woodpecker-ci.org/docs, "Creating
// plugins"; docs.drone.io, "Plugins"; developer.harness.io, "Use Drone plugins").

// pluginStep tells whether the environment is that of a CI which starts plugins; elsewhere
// PLUGIN_NAME means nothing. Woodpecker says CI=woodpecker, Drone DRONE=true, and Harness
// always sets HARNESS_BUILD_ID. Where another CI says that the step is its own, all three
// could be what an earlier step left behind, and the settings with them.
func pluginStep(getenv func(string) string) bool {
	if getenv("CI") != "woodpecker" && getenv("DRONE") != "true" && getenv("HARNESS_BUILD_ID") == "" {
		return false
	}
	name, err := ci.Name(ci.Options{Getenv: getenv})
	return err == nil && slices.Contains([]string{"generic", "drone", "woodpecker"}, name)
}

// pluginSetting is what a plugin's settings say of a name. These CIs join a YAML list with
// commas, so one value of a list cannot hold a comma; a text of several lines, or of one
// that ends in a newline, as YAML's "|" makes it, is a list of lines, whose values can.
func pluginSetting(name string, list bool, getenv func(string) string) given {
	variable := "PLUGIN_" + strings.TrimPrefix(variableOf(name), "PIPESEAL_")
	text := getenv(variable)
	if list && !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, ",", "\n")
	}
	return given{variable, text}
}

// dockerAuth is DOCKER_AUTH_CONFIG, logins of registries. A plugin of Woodpecker's gets no
// variables of its user's but settings, secrets among them; so it is a setting there.
func dockerAuth(getenv func(string) string) string {
	if auth := getenv("DOCKER_AUTH_CONFIG"); auth != "" || !pluginStep(getenv) {
		return auth
	}
	return getenv("PLUGIN_DOCKER_AUTH_CONFIG")
}

// pluginArguments are the arguments of a program that was started without any in a plugin's
// step: the command that the setting "command" names, or "seal". It can name a command and
// nothing else, no flag least of all: some flags are what no variable may say.
func pluginArguments(root *cobra.Command, getenv func(string) string) ([]string, error) {
	command := getenv("PLUGIN_COMMAND")
	if command == "" {
		return []string{"seal"}, nil
	}
	known := runnable(root)
	if !slices.Contains(known, command) {
		return nil, fault.New(fault.Usage, "PLUGIN_COMMAND is %q", remote.Printable(command)).
			WithHint("use one of %s", strings.Join(known, ", "))
	}
	return strings.Fields(command), nil
}

// runnable are the commands that do something, "pipeinfo close" for one.
func runnable(of *cobra.Command) []string {
	var names []string
	for _, c := range of.Commands() {
		if inner := runnable(c); len(inner) > 0 {
			for _, name := range inner {
				names = append(names, c.Name()+" "+name)
			}
			continue
		}
		names = append(names, c.Name())
	}
	return names
}
