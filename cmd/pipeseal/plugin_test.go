package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// TestPluginSetting checks which spelling of a setting counts where.
func TestPluginSetting(t *testing.T) {
	const woodpecker, drone, harness = "CI=woodpecker", "DRONE=true", "HARNESS_BUILD_ID=7"
	for _, tc := range []struct {
		name string
		env  string
		want given
		err  string
	}{
		{"thing", woodpecker + " PLUGIN_THING=a", given{"PLUGIN_THING", "a"}, ""},
		{"thing", drone + " PLUGIN_THING=a", given{"PLUGIN_THING", "a"}, ""},
		{"thing", harness + " PLUGIN_THING=a", given{"PLUGIN_THING", "a"}, ""},
		{"two-words", drone + " PLUGIN_TWO_WORDS=a", given{"PLUGIN_TWO_WORDS", "a"}, ""},
		// Elsewhere a stray one means nothing.
		{"thing", "PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		{"thing", "CI=true DRONE=yes PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		// Nor where another CI says that the step is its own: an earlier step can leave any of them.
		{"thing", "GITHUB_ACTIONS=true " + woodpecker + " PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		{"thing", "GITHUB_ACTIONS=true " + drone + " PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		{"thing", "GITHUB_ACTIONS=true " + harness + " PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		{"thing", "GITLAB_CI=true JENKINS_URL=https://ci.example.com " + harness + " PLUGIN_THING=a", given{"PIPESEAL_THING", ""}, ""},
		{"thing", woodpecker + " PIPESEAL_THING=b", given{"PIPESEAL_THING", "b"}, ""},
		{"thing", woodpecker + " PIPESEAL_THING=a PLUGIN_THING=a", given{"PLUGIN_THING", "a"}, ""},
		{"thing", woodpecker + " PIPESEAL_THING=b PLUGIN_THING=a", given{}, "PIPESEAL_THING and PLUGIN_THING say different things"},
		{"thing", woodpecker + " PLUGIN_THING=a,b", given{"PLUGIN_THING", "a,b"}, ""},
		{"list", woodpecker + " PLUGIN_LIST=a,b", given{"PLUGIN_LIST", "a\nb"}, ""},
		{"list", woodpecker + " PLUGIN_LIST=a,b\n", given{"PLUGIN_LIST", "a,b\n"}, ""},
		{"list", woodpecker + " PIPESEAL_LIST=a\nb PLUGIN_LIST=a,b", given{"PLUGIN_LIST", "a\nb"}, ""},
		// What weakens a guarantee is a flag, here as elsewhere.
		{"insecure-thing", woodpecker + " PLUGIN_INSECURE_THING=true", given{}, ""},
		{"thing-unsafe", woodpecker + " PLUGIN_THING_UNSAFE=true", given{}, ""},
	} {
		env := map[string]string{}
		for _, v := range strings.Split(tc.env, " ") {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		s := setting{name: tc.name, value: new(string)}
		if tc.name == "list" {
			s.value = new([]string)
		}
		got, err := s.lookup(func(name string) string { return env[name] })
		if tc.err != "" {
			if fault.KindOf(err) != fault.Usage || err.Error() != tc.err || fault.HintOf(err) == "" {
				t.Errorf("%q: %v", tc.env, err)
			}
			continue
		}
		if err != nil || got != tc.want {
			t.Errorf("%q: %+v, %v", tc.env, got, err)
		}
	}
}

// TestPluginArguments checks that the setting "command" names commands only.
func TestPluginArguments(t *testing.T) {
	for command, want := range map[string][]string{
		"": {"seal"}, "seal": {"seal"}, "verify": {"verify"}, "pipeinfo close": {"pipeinfo", "close"},
		"pipeinfo": nil, "seal --insecure-plain-http": nil, "--help": nil, "pipeinfo close x": nil, "no\x1bsuch": nil,
	} {
		got, err := pluginArguments(rootCommand(process{}), func(name string) string {
			if name == "PLUGIN_COMMAND" {
				return command
			}
			return ""
		})
		if !cmp.Equal(got, want) {
			t.Errorf("%q: %q", command, got)
		}
		if want == nil && (fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "pipeinfo close") || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%q: %v", command, err)
		}
	}
}
