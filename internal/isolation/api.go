package isolation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/strictjson"
)

const (
	service = "GitHub's API"
	// perPage is the most that the API gives at once.
	perPage = 100
	// maxJobs is how many jobs of a run are read, over all attempts. A matrix has at most
	// 256 (docs.github.com, "Actions limits").
	maxJobs = 5000
	// maxPage is how long a page may be, in bytes. A job with its steps takes some kilobytes.
	maxPage = 16 << 20

	permissionHint = `add "permissions: actions: read" to the job and "env: GITHUB_TOKEN: ${{ github.token }}" to the step`
)

// API is how GitHub's API is asked.
type API struct {
	// URL is the API's base, GITHUB_API_URL: that of the run's server, or on loopback.
	URL string
	// Token is the job's GITHUB_TOKEN, with the permission actions: read. It goes to URL
	// and nowhere else.
	Token   string
	Network *remote.Network
}

// job is one job of the API's list ("List jobs for a workflow run", schema "job"). A field
// that is null there is zero here.
type job struct {
	ID         json.Number `json:"id"`
	RunID      json.Number `json:"run_id"`
	Attempt    json.Number `json:"run_attempt"`
	Name       string      `json:"name"`
	Status     string      `json:"status"`
	Conclusion string      `json:"conclusion"`
	RunnerID   int64       `json:"runner_id"`
	RunnerName string      `json:"runner_name"`
	// RunnerGroupID is nil for null, because 0 is a group.
	RunnerGroupID   *int64 `json:"runner_group_id"`
	RunnerGroupName string `json:"runner_group_name"`
}

func (j job) attempt() int {
	n, _ := strconv.Atoi(j.Attempt.String()) // whole has seen it
	return n
}

var decimal = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// jobs are all jobs of all attempts of the run.
func (a API) jobs(ctx context.Context, r Run) ([]job, error) {
	u, err := a.jobsURL(r)
	if err != nil {
		return nil, err
	}
	if a.Token == "" {
		return nil, fault.New(fault.Usage, "GITHUB_TOKEN is not set").WithHint("%s", permissionHint)
	}
	var all []job
	seen := map[string]bool{}
	for page := 1; ; page++ {
		u.RawQuery = url.Values{"filter": {"all"}, "per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)}}.Encode()
		body, err := a.get(ctx, u)
		if err != nil {
			return nil, err
		}
		total, jobs, err := parsePage(body)
		if err != nil {
			return nil, malformed(u, err)
		}
		if total > maxJobs {
			return nil, fault.New(fault.Usage, "the run has %d jobs, more than %d", total, maxJobs).WithHint("split the workflow, or start a new run in place of many attempts")
		}
		for _, j := range jobs {
			if err := j.whole(r); err != nil {
				return nil, malformed(u, err)
			}
			if seen[j.ID.String()] {
				return nil, malformed(u, fmt.Errorf("job %s is listed twice", j.ID))
			}
			seen[j.ID.String()] = true
		}
		all = append(all, jobs...)
		switch {
		case len(all) == total:
			return all, nil
		case len(jobs) == 0 || len(all) > total:
			return nil, malformed(u, fmt.Errorf("it has %d jobs and says %d", len(all), total))
		}
	}
}

// whole refuses a job that is not of this run, or lacks what every job has.
func (j job) whole(r Run) error {
	switch {
	case !decimal.MatchString(j.ID.String()) || !decimal.MatchString(j.Attempt.String()) || j.Name == "" || j.Status == "":
		return errors.New("a job has no id, attempt, name or status")
	case j.RunID.String() != r.ID:
		return fmt.Errorf("job %s is of run %s", j.ID, j.RunID)
	}
	return nil
}

func malformed(u *url.URL, err error) error {
	return fault.New(fault.Undecided, "%s at %s: the list of jobs: %s", service, remote.Host(u), remote.Printable(err.Error())).
		WithHint("run the step again")
}

func parsePage(body []byte) (total int, jobs []job, err error) {
	if err := strictjson.Object(body); err != nil {
		return 0, nil, err
	}
	var page struct {
		Total *int  `json:"total_count"`
		Jobs  []job `json:"jobs"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return 0, nil, err
	}
	if page.Total == nil || *page.Total < 0 {
		return 0, nil, errors.New("it has no total_count")
	}
	return *page.Total, page.Jobs, nil
}

// jobsURL is where the run's jobs are listed. The API must be that of the server whose name
// stands in the certificate (docs.github.com, "Variables reference", GITHUB_API_URL): an
// API of somebody else would say what it likes, and get the token.
func (a API) jobsURL(r Run) (*url.URL, error) {
	u, err := url.Parse(a.URL)
	server, serr := url.Parse(r.Server)
	if err != nil || serr != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || !belongs(u, server) {
		return nil, fault.New(fault.Usage, "GITHUB_API_URL is not the API of %s", remote.Printable(r.Server)).
			WithHint("leave GITHUB_API_URL as GitHub sets it")
	}
	owner, name, ok := strings.Cut(r.Repository, "/")
	if !ok || owner == "" || name == "" || !decimal.MatchString(r.ID) {
		return nil, fault.New(fault.Usage, "the token names no repository and run").WithHint("use a token that this very job asked for")
	}
	return u.JoinPath("repos", url.PathEscape(owner), url.PathEscape(name), "actions", "runs", r.ID, "jobs"), nil
}

// belongs tells whether the API is the server's: api.github.com for github.com,
// api.NAME.ghe.com for NAME.ghe.com, /api/v3 on a GitHub Enterprise Server. On loopback
// there is no other machine to be misled by.
func belongs(api, server *url.URL) bool {
	path := strings.TrimRight(api.Path, "/")
	switch {
	case remote.Loopback(api.Hostname()):
		return api.Scheme == "http" || api.Scheme == "https"
	case api.Scheme != "https" || server.Scheme != "https":
		return false
	case api.Host == "api."+server.Host:
		return path == "" && (server.Host == "github.com" || strings.HasSuffix(server.Host, ".ghe.com"))
	}
	return api.Host == server.Host && path == "/api/v3"
}

// get is the body of an answer 200.
func (a API) get(ctx context.Context, u *url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.Token)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-Github-Api-Version", "2022-11-28")
	network := a.Network
	if network == nil {
		network = remote.NewNetwork(remote.Options{})
	}
	resp, err := network.Client(service, remote.ReadsAndPuts).Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, a.clean(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, a.clean(refused(u, resp))
	}
	body, err := remote.ReadAll(resp.Body, maxPage)
	if err != nil {
		return nil, malformed(u, err)
	}
	return body, nil
}

// refused is an answer that is no list. GitHub answers 404 where a permission is missing,
// and 403 for that and for too many requests ("Troubleshooting the REST API").
func refused(u *url.URL, resp *http.Response) error {
	says := fmt.Errorf("%s at %s: %w", service, remote.Host(u), remote.StatusError(resp))
	limited := resp.Header.Get("X-Ratelimit-Remaining") == "0" || resp.Header.Get("Retry-After") != ""
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		if !limited {
			return (&fault.Error{Kind: fault.Usage, Err: says}).WithHint("%s", permissionHint)
		}
	}
	return (&fault.Error{Kind: fault.Undecided, Err: says}).WithHint("run the step again later")
}

// clean is err, or what is left of it where an answer repeats the token or, since an answer is
// shown in part, the beginning of it.
func (a API) clean(err error) error {
	if !strings.Contains(err.Error(), a.Token[:min(len(a.Token), 12)]) {
		return err
	}
	return fault.New(fault.KindOf(err), "%s repeats the request's credential and is not shown", service).
		WithHint("check who answers at GITHUB_API_URL")
}
