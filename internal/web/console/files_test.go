package console

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
)

// A list that breaks off in the middle is no file, and leaves none behind.
func TestAPartIsNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for format := range fileTypes {
		s := newSite(t, nil, part{pages: map[string]page{"GET /console/part": {may: rights.Export, do: func(v *visit) {
			v.handOut("part", format, "part", []string{"a"}, func(w table.Writer) error {
				for range 600 { // more than a workbook keeps in memory
					if err := w.Row(strings.Repeat("я", 16000)); err != nil {
						return err
					}
				}
				return errors.New("the store is gone")
			})
		}}}})
		g := s.role(rights.School)
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("%s: %v", format, got)
				}
			}()
			t.Errorf("%s: handed out with %d", format, g.Get("/console/part").Code)
		}()
		if !strings.Contains(s.log.String(), "cannot be handed out whole") {
			t.Errorf("%s: the log says nothing", format)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v %v", format, left, err)
		}
	}
}
