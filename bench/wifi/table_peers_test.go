//go:build peers

package wifi

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// side is what came of one server in a row.
type side struct {
	Median  float64  `json:"median"`
	Rate    float64  `json:"rate,omitempty"`
	Busy    float64  `json:"busy,omitempty"`
	Figures []figure `json:"figures,omitempty"`
	Failed  string   `json:"failed,omitempty"` // why there is no figure
}

// line is a finished row.
type line struct {
	Name       string  `json:"row"`
	Unit       string  `json:"unit"`
	FreeRADIUS side    `json:"freeradius"`
	Ours       side    `json:"ours"`
	Ratio      float64 `json:"ratio,omitempty"`
	AtLeast    float64 `json:"at_least,omitempty"`
	AtMost     float64 `json:"at_most,omitempty"`
	Holds      string  `json:"holds"` // yes, no, failed or "-"
}

// TestTable measures both sides in turn. Without -table it only shows, with
// little of everything, that each row can be measured: nothing is judged.
func TestTable(t *testing.T) {
	z := tiny
	switch {
	case *real && *quick:
		z = small
	case *real:
		z = whole
	}
	if *rounds > 0 {
		z.rounds = *rounds
	}
	wanted, err := regexp.Compile(*only)
	must(t, err)
	others := watchOthers(t)
	w := newWorld(t, z.people)
	var lines []*line
	for _, g := range groups(z) {
		g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return !wanted.MatchString(r.name) })
		if len(g.rows) > 0 {
			lines = append(lines, w.group(t, g, z.rounds)...)
		}
	}
	for _, l := range lines {
		l.finish()
		if l.Ours.Failed != "" || l.FreeRADIUS.Failed != "" {
			t.Errorf("%s: FreeRADIUS: %q, ours: %q", l.Name, l.FreeRADIUS.Failed, l.Ours.Failed)
		}
	}
	if !*real {
		return
	}
	machine := describe(z, others)
	must(t, show(os.Stdout, machine, lines))
	if *out != "" {
		b, err := json.MarshalIndent(struct {
			Machine []string `json:"machine"`
			Rows    []*line  `json:"rows"`
		}{machine, lines}, "", "\t")
		must(t, err)
		write(t, *out, string(b)+"\n")
	}
}

// group starts both servers and measures rows in turn: a round of all rows, then
// the next one, and in each row first one server, then the other.
func (w *world) group(t *testing.T, g group, rounds int) []*line {
	lines := make([]*line, len(g.rows))
	for i, r := range g.rows {
		lines[i] = &line{Name: r.name, Unit: r.unit, AtLeast: r.ratio, AtMost: r.most}
	}
	var peer, ours *server
	var stop []func()
	start := func() {
		var stops [2]func()
		peer, stops[0] = w.freeradius(t, g.setting)
		ours, stops[1] = w.daemon(t, g.setting)
		stop = stops[:]
	}
	end := func() {
		for _, f := range stop {
			f()
		}
	}
	start()
	for n := range rounds {
		if g.fresh && n > 0 {
			end()
			start()
		}
		for i, r := range g.rows {
			lines[i].FreeRADIUS.add(t, r, peer)
			lines[i].Ours.add(t, r, ours)
		}
	}
	end()
	return lines
}

// add measures once more.
func (d *side) add(t *testing.T, r row, s *server) {
	if d.Failed != "" {
		return
	}
	f, err := r.work.run(t, s)
	if err != nil {
		d.Failed = err.Error()
		fmt.Fprintf(os.Stderr, "%s, %s: failed: %v\n", r.name, s.name, err)
		return
	}
	d.Figures = append(d.Figures, f)
	if *real {
		fmt.Fprintf(os.Stderr, "%-48s %-12s %9.3f %-3s %8.0f/s  busy %2.0f %%\n", r.name, s.name, f.Value, r.unit, f.Rate, 100*f.Busy)
	}
}

// finish makes medians, the ratio and the verdict.
func (l *line) finish() {
	for _, d := range []*side{&l.FreeRADIUS, &l.Ours} {
		if d.Failed == "" && len(d.Figures) > 0 {
			d.Median = d.of(func(f figure) float64 { return f.Value })
			d.Rate = d.of(func(f figure) float64 { return f.Rate })
			d.Busy = d.of(func(f figure) float64 { return f.Busy })
		}
	}
	failed := l.FreeRADIUS.Failed+l.Ours.Failed != ""
	if !failed && l.Ours.Median > 0 {
		l.Ratio = l.FreeRADIUS.Median / l.Ours.Median
	}
	switch {
	case failed:
		l.Holds = "failed"
	case *quick, l.AtLeast == 0 && l.AtMost == 0:
		l.Holds = "-"
	case l.AtLeast > 0 && l.Ratio < l.AtLeast, l.AtMost > 0 && l.Ours.Median > l.AtMost:
		l.Holds = "no"
	default:
		l.Holds = "yes"
	}
}

func (d *side) of(part func(figure) float64) float64 {
	var list []float64
	for _, f := range d.Figures {
		list = append(list, part(f))
	}
	return median(list)
}

// show prints the table.
func show(w io.Writer, machine []string, lines []*line) error {
	for _, s := range machine {
		fmt.Fprintln(w, s)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "work\tFreeRADIUS\tours\tratio\twanted\tholds")
	for _, l := range lines {
		ratio, wanted := "-", "-"
		if l.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", l.Ratio)
		}
		switch {
		case l.AtLeast > 0:
			wanted = fmt.Sprintf("≥ %g", l.AtLeast)
		case l.AtMost > 0:
			wanted = fmt.Sprintf("≤ %g %s", l.AtMost, l.Unit)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.FreeRADIUS.text(l.Unit), l.Ours.text(l.Unit), ratio, wanted, l.Holds)
	}
	return table.Flush()
}

// text is a cell: the median of the rounds, from the least to the greatest, and
// the rate, with ~ where the server did not have its core for most of the time.
func (d *side) text(unit string) string {
	if d.Failed != "" {
		return "failed"
	}
	values := make([]float64, len(d.Figures))
	for i, f := range d.Figures {
		values[i] = f.Value
	}
	text := fmt.Sprintf("%s %s", short(d.Median), unit)
	if low, high := slices.Min(values), slices.Max(values); low < high {
		text += fmt.Sprintf(" (%s–%s)", short(low), short(high))
	}
	if unit == cpu {
		limit := ""
		if d.Busy < 0.9 {
			limit = "~"
		}
		text += fmt.Sprintf(", %s%.0f/s", limit, d.Rate)
	}
	return text
}

func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.3g", v), ".0")
}
