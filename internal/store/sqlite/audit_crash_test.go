package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

// alone are n people's sign-ins with a change behind each: 2n lines of the trail.
func alone(first, n int) (entries []identity.AuditEntry) {
	for i := first; i < first+n; i++ {
		at := time.Unix(1_800_000_000+int64(i), 0)
		entries = append(entries, identity.AuditEntry{At: at, Kind: "sign_in", Person: benchPerson(i), Payload: []byte("{}")}, identity.AuditEntry{At: at, Kind: "config"})
	}
	return entries
}

// trail is what is found of people, and whether the chain is whole.
func trail(t *testing.T, db *store.DB, what string, people []int, want int) {
	t.Helper()
	for _, n := range people {
		if got, err := db.Audit().Recent(t.Context(), benchPerson(n), 9); err != nil || len(got) != want {
			t.Errorf("%s: of %d: %d entries, %v, want %d", what, n, len(got), err, want)
		}
	}
	if err := db.Audit().Verify(t.Context(), nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// failing is a store whose statements can be made to fail.
type failing struct {
	*testing.T
	db     *store.DB
	behind *sql.DB
}

func newFailing(t *testing.T) *failing {
	path := filepath.Join(t.TempDir(), "store.db")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path, keys, store.Options{IndexStep: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	behind, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = behind.Close() })
	return &failing{t, db, behind}
}

// at has one statement fail in what is done.
func (f *failing) at(event string, act func() error) {
	f.Helper()
	if _, err := f.behind.ExecContext(f.Context(), "CREATE TRIGGER failing BEFORE "+event+" BEGIN SELECT RAISE(ABORT, 'failing'); END"); err != nil {
		f.Fatal(err)
	}
	if err := act(); err == nil {
		f.Errorf("%s: nothing failed", event)
	}
	if _, err := f.behind.ExecContext(f.Context(), "DROP TRIGGER failing"); err != nil {
		f.Fatal(err)
	}
}

func (f *failing) add(first, n int) error { return f.db.Audit().Append(f.Context(), alone(first, n)) }

func (f *failing) indexed(want int) {
	f.Helper()
	rows := 0
	if err := f.behind.QueryRowContext(f.Context(), "SELECT count(*) FROM audit_index").Scan(&rows); err != nil || rows != want {
		f.Errorf("%d rows in the index, %v, want %d", rows, err, want)
	}
}

// TestAuditRolledBack fails a transaction at one statement after another: it is
// as if it had never been, and the next one finds all as it should be.
func TestAuditRolledBack(t *testing.T) {
	f := newFailing(t)
	if err := f.add(0, 300); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{
		"UPDATE OF seq ON audit_heads", "INSERT ON audit WHEN NEW.seq = 601", "INSERT ON audit WHEN NEW.seq = 1023", "UPDATE OF seal ON audit_heads",
		"INSERT ON audit_index WHEN NEW.bucket = 99",
	} {
		f.at(event, func() error { return f.add(300, 300) })
		trail(t, f.db, event, []int{300, 599}, 0)
		trail(t, f.db, event, []int{0, 299}, 1)
	}
	for first := 300; first < 600; first += 150 { // the first goes without the index
		if err := f.add(first, 150); err != nil {
			t.Fatal(err)
		}
	}
	f.indexed(256)
	trail(t, f.db, "added", []int{0, 100, 299, 300, 450, 599}, 1)
	erase := func() error {
		_, err := f.db.Audit().EraseSignIns(t.Context(), time.Unix(1_800_000_000+550, 0))
		return err
	}
	for _, event := range []string{"UPDATE ON audit WHEN OLD.seq = 7", "INSERT ON audit WHEN NEW.kind = 'audit_erasure'"} {
		f.at(event, erase)
		trail(t, f.db, event, []int{0, 3, 599}, 1)
	}
	for _, event := range []string{"UPDATE ON audit WHEN OLD.seq = 1051", "DELETE ON audit_index WHEN OLD.bucket = 70"} { // an erasure is cut short
		f.at(event, erase)
		trail(t, f.db, event, []int{0, 3, 499}, 0)
		trail(t, f.db, event, []int{550, 599}, 1)
	}
	if err := erase(); err != nil {
		t.Error(err)
	}
	trail(t, f.db, "erased", []int{0, 499, 549}, 0)
	trail(t, f.db, "erased", []int{550, 599}, 1)
	f.indexed(0)
}

// An index that cannot be written costs a try, and no lines.
func TestAuditWithoutIndex(t *testing.T) {
	f, next := newFailing(t), 500
	if err := f.add(0, next); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []int{0, 99, 255} {
		event := fmt.Sprint("INSERT ON audit_index WHEN NEW.bucket = ", bucket)
		f.at(event, func() error {
			failed := f.add(next, 30)
			trail(t, f.db, event, []int{next, next + 29}, 0)
			if err := f.add(next, 30); err != nil {
				t.Errorf("%s: %v", event, err)
			}
			return failed
		})
		f.indexed(0)
		trail(t, f.db, event, []int{0, next - 1, next, next + 29}, 1)
		next += 30
	}
	if err := f.add(next, 30); err != nil {
		t.Fatal(err)
	}
	f.indexed(256)
	trail(t, f.db, "in the end", []int{0, 499, 500, next + 29}, 1)
}

// Where the process that is killed writes, and from which person on.
const (
	killedStore = "SCHOOLBRIDGE_TEST_KILLED_STORE"
	killedFrom  = "SCHOOLBRIDGE_TEST_KILLED_FROM"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedStore); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends without end, and prints how many people's sign-ins are
// kept for certain.
func writeUntilKilled(dir string) error {
	keys, err := store.OpenKeyset(filepath.Join(dir, "keyset.json"))
	if err != nil {
		return err
	}
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "store.db"), keys, store.Options{IndexStep: 512})
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv(killedFrom))
	if err != nil {
		return err
	}
	for ; ; n += 100 {
		if err := db.Audit().Append(context.Background(), alone(n, 100)); err != nil {
			return err
		}
		fmt.Println(n + 100)
	}
}

// TestAuditKilled kills a process that writes, again and again: what it said was
// kept is there, once.
func TestAuditKilled(t *testing.T) {
	dir := t.TempDir()
	keys, err := store.CreateKeyset(filepath.Join(dir, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for round := range 3 {
		command := exec.CommandContext(t.Context(), os.Args[0])
		command.Env = append(os.Environ(), killedStore+"="+dir, killedFrom+"="+strconv.Itoa(kept))
		command.Stderr = os.Stderr
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &kept); err != nil {
				t.Fatal(err)
			}
			if n == 5+round { // before the step, at it, and behind
				if err := command.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := command.Wait(); err == nil {
			t.Error("it ended by itself")
		}
		db, err := sqlite.Open(t.Context(), filepath.Join(dir, "store.db"), keys, store.Options{IndexStep: 512})
		if err != nil {
			t.Fatal(err)
		}
		trail(t, db, fmt.Sprint("round ", round), []int{0, 1, kept / 2, kept - 100, kept - 1}, 1)
		// What it had written and could not say any more.
		for {
			more, err := db.Audit().Recent(t.Context(), benchPerson(kept), 9)
			if err != nil {
				t.Fatal(err)
			}
			if len(more) == 0 {
				break
			}
			kept += 100
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
