package storetest

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"schoolbridge/internal/store"
)

// previousFile is what the version before today's schema says to its database, as this
// suite has it said: a line that names the schema, then a statement a line in the shared
// dialect. Who adds a migration records it first:
//
//	go test ./internal/store/sqlite -run 'TestStore$' -args -record ../storetest/testdata/statements
//
//go:embed testdata/statements
var previousFile string

// Recorder is an engine that keeps what is said to it.
type Recorder struct {
	mu   sync.Mutex
	said map[string]bool
}

// heard is an engine that a Recorder listens to.
type heard struct {
	store.Driver
	recorder *Recorder
}

// SQL implements store.Driver.
func (h heard) SQL(query string) string {
	h.recorder.note(query)
	return h.Driver.SQL(query)
}

// Over listens to an engine.
func (r *Recorder) Over(d store.Driver) store.Driver { return heard{d, r} }

var (
	spaces = regexp.MustCompile(`\s+`)
	// listed is a list as long as there are values: one is as good as many.
	listed = regexp.MustCompile(`\(\?(?:, ?\?)+\)(?:, ?\(\?(?:, ?\?)+\))*|IN \((?:\?, ?)+\?\)`)
	// spoken begins what is not for migrations alone.
	spoken = regexp.MustCompile(`^(?:SELECT|INSERT|UPDATE|DELETE|WITH) `)
)

func (r *Recorder) note(query string) {
	query = strings.TrimSpace(spaces.ReplaceAllString(query, " "))
	if !spoken.MatchString(query) {
		return
	}
	query = listed.ReplaceAllStringFunc(query, func(list string) string {
		if strings.HasPrefix(list, "IN ") {
			return "IN (?)"
		}
		first, _, _ := strings.Cut(list, ")")
		return first + ")"
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil {
		r.said = map[string]bool{}
	}
	r.said[query] = true
}

// Text is the file of what was said under a schema.
func (r *Recorder) Text(schema int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("schema %d\n%s\n", schema, strings.Join(slices.Sorted(maps.Keys(r.said)), "\n"))
}

var inserted = regexp.MustCompile(`^INSERT INTO (\w+) \(([^)]*)\)`)

// Previous holds what the version before says against today's schema: while replicas
// are upgraded one after the other it goes on with that. Prepare has the engine
// understand a statement; demanded gives the columns of a table that a new row must have
// a value for, where the statement has none they would refuse it.
func Previous(t *testing.T, schema int, prepare func(query string) error, demanded func(table string) ([]string, error)) {
	lines := strings.Split(strings.TrimSpace(previousFile), "\n")
	if want := fmt.Sprintf("schema %d", schema-1); lines[0] != want {
		t.Fatalf("testdata/statements is of %q, want %q: record what the version before a migration says before it is added (see previousFile)", lines[0], want)
	}
	if len(lines) < 300 {
		t.Fatalf("%d statements: the file is not whole", len(lines)-1)
	}
	for _, query := range lines[1:] {
		if err := prepare(query); err != nil {
			t.Errorf("%s\n%v", query, err)
		}
		m := inserted.FindStringSubmatch(query)
		if m == nil {
			continue
		}
		columns, err := demanded(m[1])
		if err != nil {
			t.Fatal(err)
		}
		given := strings.Split(strings.ReplaceAll(m[2], " ", ""), ",")
		for _, c := range columns {
			if !slices.Contains(given, c) {
				t.Errorf("%s\nthe schema demands %s.%s, and the version before does not give it", query, m[1], c)
			}
		}
	}
	t.Logf("%d statements of schema %d", len(lines)-1, schema-1)
}
