package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/storetest"
)

// spy is the driver with a note of every query.
type spy struct {
	*driver
	note func(query string)
}

// SQL implements store.Driver.
func (s spy) SQL(query string) string {
	query = s.driver.SQL(query)
	s.note(query)
	return query
}

// whole are the tables that may be read from end to end, and why. Any other
// scan is a query that gets slower with every person.
var whole = map[string]string{
	"schools":     "a few thousand rows, all needed",
	"audit_heads": "a row for each replica",
	"passwords":   "those of a day that no target has yet",
	"step":        "a subquery: at most the blocks that the audit trail's index takes at once",
	"employments": "an import compares all digests",
	"enrolments":  "an import compares all digests",
	"cards":       "an import compares all digests",
	"merged":      "pupils' records that were merged, by an index of those alone",
	"ezhd_logins": "an import compares all digests",
	"part":        "a subquery: somebody's last lines of one kind, as many as are asked for",
	"few":         "a subquery: as many grants as the page that was asked for",
	"CONSTANT":    "no table: a question that is answered with one row",
	"whose":       "a subquery: the records of whoever holds one account",
	"a":           "a subquery: the accounts of one person",
	"w":           "a subquery: as many due accounts as one call looks at",
	"x":           "an hour's pruning of duplicates: groups that somebody ordered, or that were repaired",
}

var (
	scan = regexp.MustCompile(`^SCAN (\S+)`)
	// kindOnly is a search among all bindings of one kind: a scan in disguise.
	kindOnly = regexp.MustCompile(`^SEARCH (b|mb|bindings|targets) USING PRIMARY KEY \((kind|target)=\?\)$`)
	// targetOnly is a search among all accounts of a target.
	targetOnly = regexp.MustCompile(`^SEARCH \S+ USING .*\(target=\?\)$`)
	// older is a search among all that is as old.
	older = regexp.MustCompile(`^SEARCH .*\(at<\?\)$`)
	list  = regexp.MustCompile(`\((\?,)*\?\)`)
)

// TestPlans runs the whole suite and asks SQLite how it would find the rows of
// every query that came.
func TestPlans(t *testing.T) {
	var mu sync.Mutex
	queries := map[string]bool{}
	note := func(query string) {
		mu.Lock()
		defer mu.Unlock()
		queries[list.ReplaceAllString(query, "(?)")] = true
	}
	storetest.Run(t, func(t *testing.T) storetest.Engine {
		path := filepath.Join(t.TempDir(), "store.db")
		return storetest.Engine{
			Open: func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error) {
				d, err := open(path, among)
				if err != nil {
					return nil, err
				}
				return store.Open(ctx, spy{d, note}, keys, opts)
			},
			Exec: func(query string, args ...any) error {
				db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
				if err != nil {
					return err
				}
				defer db.Close()
				_, err = db.Exec(query, args...)
				return err
			},
			Count: func(query string) (n int, err error) {
				db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
				if err != nil {
					return 0, err
				}
				defer db.Close()
				err = db.QueryRow(query).Scan(&n)
				return n, err
			},
			Bytes: func() ([]byte, error) { return os.ReadFile(path + "-wal") },
		}
	})
	db := emptyStore(t)
	for query := range queries {
		word, _, _ := strings.Cut(query, " ")
		switch word {
		case "CREATE", "ALTER", "DROP", "INSERT":
			continue
		}
		for _, step := range plan(t, db, query) {
			if m := scan.FindStringSubmatch(step); m != nil && whole[m[1]] == "" || kindOnly.MatchString(step) {
				t.Errorf("%s\n\treads a whole table: %s", query, step)
			}
			if strings.Contains(query, "person > ?") && targetOnly.MatchString(step) {
				t.Errorf("%s\n\treads all accounts for each page of people: %s", query, step)
			}
			if word == "DELETE" && strings.Contains(query, "NOT EXISTS") && older.MatchString(step) {
				t.Errorf("%s\n\tpasses by what stays while nobody else can write: %s", query, step)
			}
		}
	}
	if len(queries) < 50 {
		t.Errorf("only %d queries were seen", len(queries))
	}
}

// TestNothingIsKeptOfTheStart: what opens the store is prepared for that alone.
func TestNothingIsKeptOfTheStart(t *testing.T) {
	d, err := open(filepath.Join(t.TempDir(), "store.db"), among)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	db, err := store.Open(t.Context(), spy{d, func(query string) { times[query]++ }}, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the test is over
	for query, n := range times {
		if strings.HasPrefix(query, "CREATE") && n != 1 {
			t.Errorf("prepared %d times: %s", n, query)
		}
	}
}

func emptyStore(t *testing.T) *sql.DB {
	path := filepath.Join(t.TempDir(), "store.db")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	made, err := Open(t.Context(), path, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
