package registry

import (
	"fmt"
	"strings"
	"time"

	"schoolbridge/internal/said"
)

// Summary is what an import did, file by file.
type Summary struct {
	Files []FileSummary
}

// FileSummary is what an import made of one file.
type FileSummary struct {
	Path      string
	Kind      Kind
	Read      int // good rows
	New       int
	Changed   int
	Unchanged int
	Gone      int // stored rows that are no longer in it; with several files of a kind, told of the last
	Bad       int
	Faults    []Fault // the first of them, and the warnings
	Ignored   bool    // a kind that is not imported, or a file that cannot be used
}

// Findings says whether somebody should look at the faults.
func (s *Summary) Findings() bool {
	for _, f := range s.Files {
		for _, fault := range f.Faults {
			if !fault.Warning {
				return true
			}
		}
	}
	return false
}

// Progress is how far an import is.
type Progress struct {
	File    string
	Writing bool  // false: still checking, nothing is written yet
	Rows    int   // of all files, in this phase
	Bytes   int64 // of Total
	Total   int64
	Left    time.Duration // expected until the phase is over; 0: not known yet
}

// Ending is what an import would end of one registry.
type Ending struct {
	Kind     Kind
	Live     int // rows that are active today
	Vanished int // of these, no longer in the export
	Closed   int // of these, now ended, closed, or without school or start
}

// Total is how many rows would end.
func (e Ending) Total() int { return e.Vanished + e.Closed }

// EndingError stops an import that would end so many employments or enrolments
// that the export is more likely wrong than the school empty. Nothing has been
// written. Options.AcceptEnding with Total lets the same import go on.
type EndingError struct{ Endings []Ending }

// Total is how many rows would end, in all registries.
func (e *EndingError) Total() int {
	n := 0
	for _, one := range e.Endings {
		n += one.Total()
	}
	return n
}

// Error says the counts and how to go on.
func (e *EndingError) Error() string { return e.Unwrap().Error() }

// Unwrap gives the same in each language.
func (e *EndingError) Unwrap() error {
	var ru, en []string
	for _, o := range e.Endings {
		ru = append(ru, fmt.Sprintf("%s: закончатся %d из %d (пропали %d, закрыты %d)", o.Kind, o.Total(), o.Live, o.Vanished, o.Closed))
		en = append(en, fmt.Sprintf("%s: %d of %d would end (%d vanished, %d closed)", o.Kind, o.Total(), o.Live, o.Vanished, o.Closed))
	}
	return said.Errorf("импорт остановлен, ничего не записано; %[1]s; проверьте выгрузку, и если всё верно, повторите с --accept-ending %[3]d / "+
		"import stopped, nothing was written; %[2]s; check the export and, if it is right, repeat with --accept-ending %[3]d", strings.Join(ru, "; "), strings.Join(en, "; "), e.Total())
}
