package ci

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// scpLike is git's short form of an SSH URL, "git@host:owner/name.git". Without a user
// the host has a dot, so that neither C:\src nor another scheme is taken for one.
var scpLike = regexp.MustCompile(`^(?:[^@/:\s]+@([A-Za-z0-9][A-Za-z0-9.-]*)|([A-Za-z0-9][A-Za-z0-9-]*\.[A-Za-z0-9.-]+)):([^/\\:].*)$`)

// repository is a git URL as provenance names it: the web URI without credentials,
// query, ".git" or trailing slash. What git reaches over SSH becomes https, for it is
// the same repository; the port goes, for it is not https'.
func repository(s string) (string, error) {
	s, err := text(s)
	if err != nil || s == "" {
		return "", err
	}
	if m := scpLike.FindStringSubmatch(s); m != nil && !strings.Contains(s, "://") {
		s = "ssh://" + m[1] + m[2] + "/" + m[3]
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return "", errNoRepository
	}
	switch u.Scheme {
	case "https", "http":
	case "ssh", "git", "git+ssh":
		u.Scheme, u.Host = "https", u.Hostname()
	default:
		return "", errNoRepository
	}
	clean := u.EscapedPath()
	for strings.HasSuffix(clean, "/") || strings.HasSuffix(clean, ".git") {
		clean = strings.TrimSuffix(strings.TrimSuffix(clean, "/"), ".git")
	}
	if clean == "" || strings.Contains(clean, "//") || strings.Contains(clean+"/", "/../") {
		return "", errNoRepository
	}
	return text(u.Scheme + "://" + strings.ToLower(u.Host) + clean) // escaping makes it longer
}

// cloneURL is repository for what git was told to clone: a path on the machine or a
// file URL is not known to anyone else, so it is none.
func cloneURL(s string) (string, error) {
	if _, err := text(s); err != nil {
		return "", err
	}
	uri, err := repository(s)
	if err != nil {
		return "", nil //nolint:nilerr // what is no repository is as good as not known
	}
	return uri, nil
}

// lastSegment is a repository's own name, the last segment of its URI.
func lastSegment(uri string) string { return uri[strings.LastIndex(uri, "/")+1:] }

var errNoRepository = errors.New("is not the URL of a git repository, such as https://github.com/acme/app")

// sameRepository tells whether two clean URIs name one repository. Forges do not tell
// letters' case, nor does it matter how the repository was reached.
func sameRepository(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	if err != nil {
		return false
	}
	return strings.EqualFold(x.Hostname(), y.Hostname()) && strings.EqualFold(x.Path, y.Path)
}
