package isolation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/isolation"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const token = "ghs_notARealToken"

var run = isolation.Run{Server: "https://github.com", Repository: "acme/app", ID: "42", Job: "7", Environment: "github-hosted"}

type object = map[string]any

// job is one that ran on a standard runner, with what is given in place of that.
func job(id int, name string, changes object) object {
	j := object{
		"id": id, "run_id": 42, "run_attempt": 1, "name": name, "status": "completed", "conclusion": "success",
		"labels": []string{"ubuntu-24.04"}, "runner_id": 1000000000 + id, "runner_name": fmt.Sprintf("GitHub Actions %d", id),
		"runner_group_id": 0, "runner_group_name": "GitHub Actions", "steps": []object{{"name": "Set up job", "number": 1}},
	}
	maps.Copy(j, changes)
	return j
}

func own() object { return job(7, "seal / sign", object{"status": "in_progress", "conclusion": nil}) }

var none = object{"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "runner_group_name": nil}

func with(a, b object) object {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// answers serves the jobs in pages, as GitHub does.
func answers(t *testing.T, jobs []object) isolation.API {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/repos/acme/app/actions/runs/42/jobs" || r.URL.Query().Get("filter") != "all" || r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		from := min((page-1)*size, len(jobs))
		answer(t, w, object{"total_count": len(jobs), "jobs": jobs[from:min(from+size, len(jobs))]})
	})
}

func answer(t *testing.T, w http.ResponseWriter, o object) {
	if err := json.NewEncoder(w).Encode(o); err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, h http.HandlerFunc) isolation.API {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return isolation.API{URL: s.URL, Token: token, Network: remote.NewNetwork(remote.Options{Attempts: 1})}
}

func TestJobs(t *testing.T) {
	var many []object
	for i := range 250 {
		many = append(many, job(100+i, fmt.Sprintf("build (%03d)", i), nil))
	}
	selfHosted := object{"runner_id": 3, "runner_name": "GitHub Actions 3", "runner_group_id": 1, "runner_group_name": "Default"}
	for _, tc := range []struct {
		name string
		jobs []object
		// want is the number of names, or what the refusal says.
		want any
	}{
		{"hosted jobs", []object{job(1, "build", nil), own()}, 2},
		{"three pages", append(many, own()), 251},
		{"a skipped job had no runner", []object{job(1, "lint", with(none, object{"conclusion": "skipped"})), own()}, 1},
		{"a cancelled job that had no runner", []object{job(1, "lint", with(none, object{"conclusion": "cancelled"})), own()}, 1},
		{"a waiting job", []object{job(1, "deploy", with(none, object{"status": "queued", "conclusion": nil})), own()}, 1},
		{"zeros are no runner", []object{job(1, "deploy", object{"status": "waiting", "conclusion": nil, "runner_id": 0, "runner_name": "", "runner_group_id": 0, "runner_group_name": ""}), own()}, 1},
		{"a failed job", []object{job(1, "test", object{"conclusion": "failure"}), own()}, 2},
		{"a re-run of failed jobs that lists what it inherits", []object{
			job(1, "build", nil), job(2, "test", object{"conclusion": "failure"}),
			job(3, "build", with(none, object{"run_attempt": 2})), job(4, "test", object{"run_attempt": 2}), own(),
		}, 3},
		{"a re-run that does not list it", []object{job(1, "build", nil), job(4, "test", object{"run_attempt": 2}), own()}, 3},

		{"a self-hosted job with a hosted one's name and label", []object{job(1, "build", selfHosted), own()}, `job "build" of attempt 1 ran on the runner "GitHub Actions 3" of the group "Default"`},
		{"one that runs", []object{job(1, "build", with(selfHosted, object{"status": "in_progress", "conclusion": nil})), own()}, `of the group "Default"`},
		{"a skipped job that had a runner", []object{job(1, "build", with(selfHosted, object{"conclusion": "skipped"})), own()}, `of the group "Default"`},
		{"a group of GitHub's name", []object{job(1, "build", with(selfHosted, object{"runner_group_name": "GitHub Actions"})), own()}, `not known to be GitHub's`},
		{"GitHub's id and another name", []object{job(1, "build", object{"runner_group_name": "github actions"}), own()}, `not known to be GitHub's`},
		{"no group id", []object{job(1, "build", object{"runner_group_id": nil}), own()}, `not known to be GitHub's`},
		{"a group without a runner", []object{job(1, "build", object{"runner_id": nil}), own()}, `not known to be GitHub's`},
		{"a larger runner", []object{job(1, "build", object{"runner_name": "large_1", "runner_group_id": 3, "runner_group_name": "Default Larger Runners"}), own()}, `"Default Larger Runners"`},
		{"a self-hosted job of an earlier attempt", []object{
			job(1, "build", selfHosted), job(3, "build", with(none, object{"run_attempt": 2})), own(),
		}, `"build" of attempt 1`},
		{"success without a runner", []object{job(1, "build", none), own()}, `is success, and on which runner is not told`},
		{"inherited, and only a later attempt ran it", []object{job(1, "build", none), job(2, "build", object{"run_attempt": 2}), own()}, `on which runner is not told`},
		{"inherited, with another result", []object{
			job(1, "build", object{"conclusion": "failure"}), job(2, "build", with(none, object{"run_attempt": 2})), own(),
		}, `on which runner is not told`},
		{"a name that is a command", []object{job(1, "\x1b[31m\n::set-output name=x::y", selfHosted), own()}, `: :set-output`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			names, err := isolation.Check(t.Context(), answers(t, tc.jobs), run)
			if n, ok := tc.want.(int); ok {
				if err != nil || len(names) != n {
					t.Fatalf("%d names, %v; want %d", len(names), err, n)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want.(string)) || fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Fatalf("kind %d, %v, hint %q", fault.KindOf(err), err, fault.HintOf(err))
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("unsafe to print: %q", err)
			}
		})
	}
	names, err := isolation.Check(t.Context(), answers(t, []object{job(2, "test", nil), job(1, "build", nil), own()}), run)
	if diff := cmp.Diff([]string{"build", "seal / sign", "test"}, names); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestThisJobsOwnRunner(t *testing.T) {
	for _, environment := range []string{"self-hosted", "", "github-hosted "} {
		r := run
		r.Environment = environment
		_, err := isolation.Check(t.Context(), answers(t, []object{own()}), r)
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "run this job on a GitHub-hosted runner") {
			t.Errorf("%q: %v", environment, err)
		}
	}
	r := run
	r.Job = ""
	if _, err := isolation.Check(t.Context(), answers(t, []object{own()}), r); err != nil {
		t.Errorf("a token that does not tell the job: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	body := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(s)) }
	}
	status := func(code int, header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set(header, value)
			}
			http.Error(w, `{"message":"no"}`, code)
		}
	}
	list := func(total int, jobs ...object) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, object{"total_count": total, "jobs": jobs})
		}
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		kind   fault.Kind
		want   string
		hint   string
	}{
		{"401", status(401, "", ""), fault.Usage, "answered 401", "permissions: actions: read"},
		{"403", status(403, "", ""), fault.Usage, "answered 403", "permissions: actions: read"},
		{"404", status(404, "", ""), fault.Usage, "answered 404", "permissions: actions: read"},
		{"too many requests", status(403, "X-RateLimit-Remaining", "0"), fault.Undecided, "answered 403", "later"},
		{"too many at once", status(403, "Retry-After", "60"), fault.Undecided, "answered 403", "later"},
		{"422", status(422, "", ""), fault.Undecided, "answered 422", "later"},
		{"500", status(500, "", ""), fault.Undecided, "answered 500", "later"},
		{"a redirect", status(302, "Location", "https://example.com/"), fault.Undecided, "redirects to example.com", ""},
		{"its own token in the answer", func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.Header.Get("Authorization"), 404) }, fault.Usage, "not shown", "GITHUB_API_URL"},
		{"its own token where the answer is cut", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, strings.Repeat("x", 285)+r.Header.Get("Authorization")[len("Bearer "):], 404)
		}, fault.Usage, "not shown", "GITHUB_API_URL"},
		{"no JSON", body("<html>"), fault.Undecided, "the list of jobs", "again"},
		{"a name twice", body(`{"total_count":0,"total_count":1,"jobs":[]}`), fault.Undecided, "twice", "again"},
		{"something after it", body(`{"total_count":0,"jobs":[]} {}`), fault.Undecided, "follows", "again"},
		{"no total", body(`{"jobs":[]}`), fault.Undecided, "no total_count", "again"},
		{"a text for a number", body(`{"total_count":1,"jobs":[{"id":1,"run_id":42,"run_attempt":1,"name":"a","status":"completed","runner_group_id":"0"}]}`), fault.Undecided, "cannot unmarshal", "again"},
		{"fewer jobs than said", list(3, own()), fault.Undecided, "listed twice", "again"},
		{"an empty page too early", body(`{"total_count":3,"jobs":[]}`), fault.Undecided, "has 0 jobs and says 3", "again"},
		{"more jobs than said", list(1, own(), job(1, "a", nil)), fault.Undecided, "has 2 jobs and says 1", "again"},
		{"a job of another run", list(2, own(), job(1, "a", object{"run_id": 43})), fault.Undecided, "is of run 43", "again"},
		{"a job without an attempt", list(2, own(), job(1, "a", object{"run_attempt": nil})), fault.Undecided, "no id, attempt", "again"},
		{"the asking job is said to have ended", list(1, job(7, "seal", nil)), fault.Undecided, "not the one that asks", "again"},
		{"not the asking job", list(1, job(1, "a", nil)), fault.Undecided, "not the one that asks", "again"},
		{"no job", list(0), fault.Undecided, "lists 0 jobs", "again"},
		{"far too many jobs", list(1000000, own()), fault.Usage, "more than 5000", "split"},
		{"a page without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"total_count":1,"jobs":["`))
			for range 17 << 10 {
				w.Write([]byte(strings.Repeat("x", 1<<10)))
			}
		}, fault.Undecided, "larger than allowed", "again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := isolation.Check(t.Context(), serve(t, tc.answer), run)
			if fault.KindOf(err) != tc.kind || err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(fault.HintOf(err), tc.hint) {
				t.Fatalf("kind %d, %v\nhint %s", fault.KindOf(err), err, fault.HintOf(err))
			}
			if strings.Contains(err.Error()+fault.HintOf(err), token) {
				t.Errorf("shows the token: %v", err)
			}
		})
	}
}

// An API that is not the server's is not asked, and gets no token.
func TestWhoseAPI(t *testing.T) {
	asked := ""
	network := remote.NewNetwork(remote.Options{Attempts: 1, Base: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.Host + strings.TrimSuffix(r.URL.Path, "/repos/acme/app/actions/runs/42/jobs")
		return nil, errors.New("no network")
	})})
	for _, tc := range []struct {
		server, api, asks string
	}{
		{"https://github.com", "https://api.github.com", "api.github.com"},
		{"https://acme.ghe.com", "https://api.acme.ghe.com", "api.acme.ghe.com"},
		{"https://git.example.com", "https://git.example.com/api/v3", "git.example.com/api/v3"},
		{"https://github.com", "https://api.example.com", ""},
		{"https://github.com", "http://api.github.com", ""},
		{"https://github.com", "https://api.github.com.example.com", ""},
		{"https://github.com", "https://user:pw@api.github.com", ""},
		{"https://github.com", "https://api.github.com/elsewhere", ""},
		{"https://github.com", "https://api.github.com?x=", ""},
		{"https://git.example.com", "https://api.git.example.com", ""},
		{"https://git.example.com", "https://git.example.com", ""},
		{"https://github.com", "", ""},
		{"", "https://api.", ""},
	} {
		asked = ""
		r := run
		r.Server = tc.server
		_, err := isolation.Check(t.Context(), isolation.API{URL: tc.api, Token: token, Network: network}, r)
		if asked != tc.asks {
			t.Errorf("%s for %s: asked %q, want %q", tc.api, tc.server, asked, tc.asks)
		}
		if tc.asks == "" && (fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "GITHUB_API_URL")) {
			t.Errorf("%s for %s: %v, hint %s", tc.api, tc.server, err, fault.HintOf(err))
		}
	}
	for _, r := range []isolation.Run{{ID: "42", Repository: "acme"}, {ID: "4/2", Repository: "acme/app"}} {
		r.Server, r.Environment = run.Server, run.Environment
		if _, err := isolation.Check(t.Context(), isolation.API{URL: "https://api.github.com", Token: token}, r); fault.KindOf(err) != fault.Usage {
			t.Errorf("%v: %v", r, err)
		}
	}
	if _, err := isolation.Check(t.Context(), isolation.API{URL: "https://api.github.com"}, run); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "GITHUB_TOKEN is not set") {
		t.Errorf("without a token: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
