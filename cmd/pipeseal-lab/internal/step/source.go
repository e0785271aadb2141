package step

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	segment = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	scpLike = regexp.MustCompile(`^(?:[^@/:\s]+@)?([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9.-]+):([^/\\].*)$`)
)

// repository is the owner and name in a forge's URL, "acme/app" where the origin is
// none. pair drops the groups between owner and name, which GitHub has not.
func repository(origin string, pair bool) string {
	const none = "acme/app"
	if m := scpLike.FindStringSubmatch(origin); m != nil && !strings.Contains(origin, "://") {
		origin = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(origin)
	if err != nil || !slices.Contains([]string{"https", "http", "ssh", "git"}, u.Scheme) || !strings.Contains(u.Hostname(), ".") || number.MatchString(strings.ReplaceAll(u.Hostname(), ".", "")) {
		return none
	}
	parts := strings.Split(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"), "/")
	if len(parts) < 2 {
		return none
	}
	for _, p := range parts {
		if !segment.MatchString(p) {
			return none
		}
	}
	if pair {
		parts = []string{parts[0], parts[len(parts)-1]}
	}
	return strings.Join(parts, "/")
}

var nameLine = regexp.MustCompile(`(?m)^name:[ \t]*(.+?)[ \t]*(?:#.*)?\r?$`)

// definition is the path and display name of the pipeline's definition.
func definition(ci CI, root, chosen string) (file, name string) {
	if usual := of(ci).definition; usual != "" {
		return cmp.Or(chosen, usual), ""
	}
	file = chosen
	if file == "" && root != "" {
		found, _ := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.y*ml"))
		if len(found) > 0 {
			file = ".github/workflows/" + filepath.Base(found[0])
		}
	}
	file = cmp.Or(filepath.ToSlash(file), ".github/workflows/build.yml")
	name = file
	if text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))); err == nil && root != "" {
		if m := nameLine.FindSubmatch(text); m != nil {
			name = strings.Trim(string(m[1]), `"'`)
		}
	}
	return file, name
}
