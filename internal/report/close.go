package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/seal"
)

// Closed writes that a run is closed, and how it ended.
func Closed(w io.Writer, r *seal.Result, asJSON bool) error {
	if asJSON {
		return JSON(w, r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "closed %s\n", remote.Printable(pipeinfoOutput(r)))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range closedFacts(r.Pipeinfo.Info) {
		fmt.Fprintf(t, "  %s\t%s\n", f.name, remote.Printable(f.value))
	}
	fmt.Fprintf(t, "  identity\t%s\n", remote.Printable(r.Identity.Name))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fact is one line of a table.
type fact struct{ name, value string }

// closedFacts are how a run ended: its status, how many steps it has, and the names of those
// that did not succeed. There are none where an earlier try closed it.
func closedFacts(i *pipeinfo.Info) []fact {
	if i == nil {
		return nil
	}
	last, inherited := i.Last(), pipeinfo.Info{Steps: i.Inherited}.Last()
	ended := map[pipeinfo.Status][]string{}
	for _, s := range last {
		ended[s.Status] = append(ended[s.Status], s.Name)
	}
	steps := strconv.Itoa(len(last))
	if n := len(inherited); n > 0 {
		steps += fmt.Sprintf(", %d of them inherited from an earlier attempt", n)
	}
	facts := []fact{{"status", string(i.Status)}, {"steps", steps}}
	for _, f := range []struct {
		name  string
		steps []string
	}{{"failed", ended[pipeinfo.Failure]}, {"cancelled", ended[pipeinfo.Cancelled]}, {"unfinished", i.Unfinished}} {
		if len(f.steps) > 0 {
			facts = append(facts, fact{f.name, several(f.steps)})
		}
	}
	return facts
}

// several are the first names of a list, and how many there are more.
func several(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// CloseOutputs are the step outputs of "pipeinfo close".
func CloseOutputs(r *seal.Result) []Output {
	return bounded([]Output{{"status", r.Status}, {"pipeinfo", pipeinfoOutput(r)}})
}
