package registry

import (
	"fmt"
	"path/filepath"
)

// Fault is what is wrong with one row, or with a whole file (Line 0). It names
// columns and never holds a value of a person.
type Fault struct {
	File    string // as it was given
	Line    int    // of the file, where the row begins; 0: the whole file
	Reason  error  // in both languages
	Warning bool   // the row was taken all the same
}

// Error gives "kadry.csv:12: reason".
func (f *Fault) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", filepath.Base(f.File), f.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", filepath.Base(f.File), f.Line, f.Reason)
}

// Unwrap gives the reason, of which said.In chooses a language.
func (f *Fault) Unwrap() error { return f.Reason }
