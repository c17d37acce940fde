//go:build linux

package stand

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

// The units of rows. Rows in CPU have a rate too.
const (
	CPU   = "µs"
	MS    = "ms"
	MiB   = "MiB"
	KiB   = "KiB"
	Bytes = "B"
)

// Labelled is a server as a table knows it.
type Labelled interface{ Label() string }

// Row is a line of the table.
type Row[S Labelled] struct {
	Name string
	Unit string
	Run  func(t testing.TB, s S) (Figure, error) // does the work and measures
	// What the design demands: the peer's figure divided by ours, and ours alone.
	// 0: nothing.
	Ratio, Most float64
}

// Group is rows that servers are started for.
type Group[S Labelled] struct {
	Start func(t testing.TB) (peer, ours S, stop func())
	Fresh bool // new servers for every round
	Rows  []Row[S]
}

// Sizes are what a table says of itself.
type Sizes struct{ People, Rounds int }

// side is what came of one server in a row.
type side struct {
	Median  float64  `json:"median"`
	Rate    float64  `json:"rate,omitempty"`
	Busy    float64  `json:"busy,omitempty"`
	Figures []Figure `json:"figures,omitempty"`
	Failed  string   `json:"failed,omitempty"` // why there is no figure
}

// line is a finished row.
type line struct {
	Name    string  `json:"row"`
	Unit    string  `json:"unit"`
	Peer    side    `json:"peer"`
	Ours    side    `json:"ours"`
	Ratio   float64 `json:"ratio,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	Holds   string  `json:"holds"` // yes, no, failed or "-"
}

// Table measures both sides in turn. Without -table it only shows, with little of
// everything, that each row can be measured: nothing is judged. version is the
// peer's.
func Table[S Labelled](t *testing.T, peer, version string, z Sizes, groups []Group[S]) {
	if *rounds > 0 {
		z.Rounds = *rounds
	}
	others := watchOthers(t)
	var lines []*line
	for _, g := range groups {
		g.Rows = slices.DeleteFunc(slices.Clone(g.Rows), func(r Row[S]) bool { return !Wanted(t, r.Name) })
		if len(g.Rows) > 0 {
			lines = append(lines, measured(t, g, z.Rounds)...)
		}
	}
	for _, l := range lines {
		l.finish()
		if l.Ours.Failed != "" || l.Peer.Failed != "" {
			t.Errorf("%s: %s: %q, ours: %q", l.Name, peer, l.Peer.Failed, l.Ours.Failed)
		}
	}
	if !*Real {
		return
	}
	machine := describe(version, z.People, z.Rounds, others)
	Must(t, show(os.Stdout, peer, machine, lines))
	if *out != "" {
		b, err := json.MarshalIndent(struct {
			Machine []string `json:"machine"`
			Rows    []*line  `json:"rows"`
		}{machine, lines}, "", "\t")
		Must(t, err)
		Write(t, *out, string(b)+"\n")
	}
}

// Wanted says that a row is to be measured, by its name.
func Wanted(t testing.TB, name string) bool {
	t.Helper()
	wanted, err := regexp.Compile(*only)
	Must(t, err)
	return wanted.MatchString(name)
}

// measured starts both servers and measures rows in turn: a round of all rows,
// then the next one, and in each row first one server, then the other.
func measured[S Labelled](t *testing.T, g Group[S], rounds int) []*line {
	lines := make([]*line, len(g.Rows))
	for i, r := range g.Rows {
		lines[i] = &line{Name: r.Name, Unit: r.Unit, AtLeast: r.Ratio, AtMost: r.Most}
	}
	peer, ours, stop := g.Start(t)
	for n := range rounds {
		if g.Fresh && n > 0 {
			stop()
			peer, ours, stop = g.Start(t)
		}
		for i, r := range g.Rows {
			add(t, &lines[i].Peer, r, peer)
			add(t, &lines[i].Ours, r, ours)
		}
	}
	stop()
	return lines
}

// add measures once more.
func add[S Labelled](t *testing.T, d *side, r Row[S], s S) {
	if d.Failed != "" {
		return
	}
	f, err := r.Run(t, s)
	if err != nil {
		d.Failed = err.Error()
		fmt.Fprintf(os.Stderr, "%s, %s: failed: %v\n", r.Name, s.Label(), err)
		return
	}
	d.Figures = append(d.Figures, f)
	if *Real {
		fmt.Fprintf(os.Stderr, "%-48s %-12s %9.3f %-3s %8.0f/s  busy %2.0f %%\n", r.Name, s.Label(), f.Value, r.Unit, f.Rate, 100*f.Busy)
	}
}

// finish makes medians, the ratio and the verdict.
func (l *line) finish() {
	for _, d := range []*side{&l.Peer, &l.Ours} {
		if d.Failed == "" && len(d.Figures) > 0 {
			d.Median = d.of(func(f Figure) float64 { return f.Value })
			d.Rate = d.of(func(f Figure) float64 { return f.Rate })
			d.Busy = d.of(func(f Figure) float64 { return f.Busy })
		}
	}
	failed := l.Peer.Failed+l.Ours.Failed != ""
	if !failed && l.Ours.Median > 0 {
		l.Ratio = l.Peer.Median / l.Ours.Median
	}
	switch {
	case failed:
		l.Holds = "failed"
	case *Quick, l.AtLeast == 0 && l.AtMost == 0:
		l.Holds = "-"
	case l.AtLeast > 0 && l.Ratio < l.AtLeast, l.AtMost > 0 && l.Ours.Median > l.AtMost:
		l.Holds = "no"
	default:
		l.Holds = "yes"
	}
}

func (d *side) of(part func(Figure) float64) float64 {
	var list []float64
	for _, f := range d.Figures {
		list = append(list, part(f))
	}
	return median(list)
}

// show prints the table.
func show(w io.Writer, peer string, machine []string, lines []*line) error {
	for _, s := range machine {
		fmt.Fprintln(w, s)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "work\t%s\tours\tratio\twanted\tholds\n", peer)
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Peer.text(l.Unit), l.Ours.text(l.Unit), ratio, wanted, l.Holds)
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
	if unit == CPU {
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
