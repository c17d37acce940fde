package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"schoolbridge/internal/person"
)

// Point is one day of a curve.
type Point struct {
	Day   person.Date
	Value int
}

// The measures of a curve, in units of its own picture.
const (
	curveWidth, curveHeight = 720, 240
	curveLeft, curveBottom  = 64, 28 // room for the words of the axes
	curveTop, curveRight    = 12, 16
	curveLines              = 4 // across
)

// curve draws how a number went from day to day, up to a ceiling that is drawn
// too (0: there is none). Days are in their order; label is what somebody hears
// who does not see it. Colours come from the style sheet.
func curve(days []Point, ceiling int, label string) template.HTML {
	if len(days) == 0 {
		return ""
	}
	top := ceiling
	for _, d := range days {
		top = max(top, d.Value)
	}
	step := round(top)
	top = max(step*((top+step-1)/step), step)
	first, last := serial(days[0].Day), serial(days[len(days)-1].Day)
	x := func(d person.Date) float64 {
		if last == first {
			return curveWidth - curveRight
		}
		return curveLeft + float64(serial(d)-first)/float64(last-first)*(curveWidth-curveLeft-curveRight)
	}
	y := func(v int) float64 {
		return curveHeight - curveBottom - float64(v)/float64(top)*(curveHeight-curveBottom-curveTop)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="curve" viewBox="0 0 %d %d" role="img" aria-label="%s">`, curveWidth, curveHeight, template.HTMLEscapeString(label))
	for v := 0; v <= top; v += step {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`, curveLeft, y(v), curveWidth-curveRight, curveLeft-8, y(v)+4, thousands(v))
	}
	if ceiling > 0 {
		fmt.Fprintf(&b, `<path class="ceiling" d="M%d %.1fH%d"/>`, curveLeft, y(ceiling), curveWidth-curveRight)
	}
	var line strings.Builder
	for i, d := range days {
		to := 'L'
		if i == 0 {
			to = 'M'
		}
		fmt.Fprintf(&line, "%c%.1f %.1f", to, x(d.Day), y(d.Value))
	}
	if len(days) > 1 {
		fmt.Fprintf(&b, `<path class="area" d="%sV%.1fH%.1fZ"/>`, line.String(), y(0), x(days[0].Day))
	}
	end := days[len(days)-1]
	fmt.Fprintf(&b, `<path class="line" d="%s"/><circle class="end" cx="%.1f" cy="%.1f" r="4"/>`, line.String(), x(end.Day), y(end.Value))
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, curveWidth-curveRight, curveHeight-6, dotted(end.Day))
	if len(days) > 1 {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, curveLeft, curveHeight-6, dotted(days[0].Day))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// round gives a step of 1, 2 or 5 times a power of ten so that about curveLines
// of them reach top.
func round(top int) int {
	for ten := 1; ; ten *= 10 {
		for _, n := range []int{1, 2, 5} {
			if n*ten*curveLines >= top {
				return n * ten
			}
		}
	}
}

// serial is a day's number.
func serial(d person.Date) int { return int(d.Time(time.UTC).Unix() / 86400) }

// dotted is a day as people here write it.
func dotted(d person.Date) string { return d.Time(time.UTC).Format("02.01.2006") }

// thousands writes a number in groups of three with a narrow space between them, as
// people read it in both languages.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
