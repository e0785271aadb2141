package ci

import "testing"

// TestTeamCityPages: server, configuration and build of a build's page, now and before.
func TestTeamCityPages(t *testing.T) {
	for page, want := range map[string][3]string{
		"https://ci.example.com/buildConfiguration/A_B/7?mode=builds":         {"https://ci.example.com", "7", "https://ci.example.com/buildConfiguration/A_B/7"},
		"https://example.com/ci/viewLog.html?buildId=7&buildTypeId=A_B&tab=x": {"https://example.com/ci", "7", "https://example.com/ci/buildConfiguration/A_B/7"},
		"https://ci.example.com/overview":                                     {"", "", "https://ci.example.com/overview"},
		"https://ci.example.com/?x=/buildConfiguration/A_B/7":                 {"", "", "https://ci.example.com/?x=/buildConfiguration/A_B/7"},
	} {
		b := detected(t, "teamcity", "BUILD_URL="+page)
		if got := [3]string{b.Builder.ID, b.Run.ID, b.Run.InvocationURI}; got != want {
			t.Errorf("%s: got %q", page, got)
		}
	}
	_, err := Confirm(detected(t, "teamcity", "BUILD_URL="), nil)
	refusal(t, err, "not known of this teamcity run: run, builder")
}
