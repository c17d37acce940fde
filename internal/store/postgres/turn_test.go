//go:build peers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// school is an import that the change feed tells of.
func school(db *store.DB, id string) error {
	return db.Registry().Apply(context.Background(), store.Chunk{Rows: []store.Row{{Key: id, Digest: []byte(id), Record: person.School{ID: person.SchoolID(id), Name: id}}}})
}

func opened(t *testing.T, address string, keys *store.Keyset) *store.DB {
	t.Helper()
	db, err := Open(t.Context(), address, keys, store.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newKeys(t *testing.T) *store.Keyset {
	t.Helper()
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// followed loads the feed and gives its reader.
func followed(t *testing.T, db *store.DB) (*store.Directory, directory.Position) {
	t.Helper()
	feed := db.Directory()
	at, err := feed.Load(t.Context(), func(person.School) error { return nil }, func(*directory.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return feed, at
}

// TestTheFeedSkipsNobody: a transaction has its number and has not committed, another
// one wants to write. Were it given the next number and let commit, a reader would go
// past the first one's for ever.
func TestTheFeedSkipsNobody(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := fresh(t, server)
	address := server.Socket(database)
	keys := newKeys(t)
	first, second := opened(t, address, keys), opened(t, address, keys)
	feed, at := followed(t, first)

	slow, err := open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	transaction, err := slow.Writer().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Turn(t.Context(), transaction); err != nil {
		t.Fatal(err)
	}
	// What store.writeFeed says, of somebody who is not there.
	var seq int64
	if err := transaction.QueryRow("UPDATE feed_head SET seq = seq + 1 WHERE id = 1 RETURNING seq").Scan(&seq); err != nil {
		t.Fatal(err)
	}
	row := make([]byte, 16)
	row[0] = 7
	for _, statement := range []string{"INSERT INTO feed (seq, row_id, kind, person) VALUES ($2, $1, 1, $1)", "UPDATE feed_head SET row_id = $1 WHERE id = 1 AND seq = $2"} {
		if _, err := transaction.Exec(statement, row, seq); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- school(second, "49") }()
	for { // until the second one waits for the first
		n, err := server.SQL("postgres", "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '"+database+"' AND wait_event_type = 'Lock'")
		if err != nil {
			t.Fatal(err)
		}
		if n == "1" {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if changes, after, err := feed.Since(t.Context(), at); err != nil || len(changes) != 0 || after != at {
		t.Fatalf("before anybody has committed: %v, %v, %v", changes, after, err)
	}
	if err := transaction.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	changes, after, err := feed.Since(t.Context(), at)
	if err != nil || len(changes) != 2 || after.Seq != uint64(seq)+1 {
		t.Errorf("both: %v at %d, %v, want 2 changes at %d", changes, after.Seq, err, seq+1)
	}
}

// TestManyWriters: what several daemons write at once, a reader sees all of, in steps
// that only go forward.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	address := server.Socket(fresh(t, server))
	keys := newKeys(t)
	const daemons, each = 4, 25
	feed, at := followed(t, opened(t, address, keys))
	var group sync.WaitGroup
	var left atomic.Int32
	for n := range daemons {
		db := opened(t, address, keys)
		left.Add(1)
		group.Go(func() {
			defer left.Add(-1)
			for i := range each {
				if err := school(db, fmt.Sprintf("%d-%d", n, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := 0
	for start := at.Seq; at.Seq < start+daemons*each; {
		over := left.Load() == 0
		changes, after, err := feed.Since(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if len(c.Schools) < seen || len(c.Schools) < int(after.Seq-start) {
				t.Fatalf("%d schools at %d, %d before", len(c.Schools), after.Seq-start, seen)
			}
			seen = len(c.Schools)
		}
		if at == after && over {
			t.Fatalf("the feed ends at %d of %d", at.Seq-start, daemons*each)
		}
		at = after
	}
	group.Wait()
	if seen != daemons*each {
		t.Errorf("%d schools", seen)
	}
}

// TestFirstStartTogether: several processes open an empty database at once.
func TestFirstStartTogether(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	address := server.Socket(server.Database(t))
	keyset := filepath.Join(t.TempDir(), "keyset.json")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			db, err := OpenFiles(context.Background(), address, keyset, store.Options{})
			if err != nil {
				t.Errorf("first start: %v", err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := os.Remove(keyset); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFiles(t.Context(), address, keyset, store.Options{}); !errors.Is(err, store.ErrNoKeyset) {
		t.Errorf("a database without its keyset gave %v", err)
	}
	if _, err := os.Stat(keyset); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new keyset was made for an old database: %v", err)
	}
}

// cutting is a way to a server that is cut when a COMMIT comes by: before it reaches
// the server, or before the answer comes back.
type cutting struct {
	address string
	before  atomic.Bool
	after   atomic.Bool
	cut     atomic.Int32
}

func newCutting(t *testing.T, to string) *cutting {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutting{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			go c.carry(client, server)
		}
	}()
	return c
}

func (c *cutting) carry(client, server net.Conn) {
	defer client.Close()
	var silent atomic.Bool // nothing goes back any more
	go func() {
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || silent.Load() {
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			_ = server.Close()
			return
		}
		if commits(b[:n]) {
			if c.before.CompareAndSwap(true, false) {
				c.cut.Add(1)
				_ = server.Close()
				return
			}
			if c.after.CompareAndSwap(true, false) {
				c.cut.Add(1)
				silent.Store(true)
			}
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

// commits says that a message is the simple query that ends a transaction.
func commits(b []byte) bool { return len(b) > 6 && b[0] == 'Q' && string(b[5:11]) == "commit" }

// TestALostAnswer: a transaction whose COMMIT is not answered is done once, whether
// it reached the server or not.
func TestALostAnswer(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := fresh(t, server)
	way := newCutting(t, "127.0.0.1:"+server.Port())
	db := opened(t, "postgres://postgres@"+way.address+"/"+database+"?sslmode=disable", newKeys(t))
	feed, at := followed(t, db)
	for i, lose := range []*atomic.Bool{&way.before, &way.after} {
		lose.Store(true)
		if err := school(db, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if way.cut.Load() != int32(i+1) {
			t.Fatal("nothing was cut: this test does not test")
		}
		changes, after, err := feed.Since(t.Context(), at)
		if err != nil || len(changes) != 1 || len(changes[0].Schools) != i+1 || after.Seq != at.Seq+1 {
			t.Errorf("cut %d: %v, %d after %d, %v", i, changes, after.Seq, at.Seq, err)
		}
		at = after
	}
}

// TestUnknown: who cannot ask any more is told so, and nothing is repeated.
func TestUnknown(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	d, err := open(t.Context(), server.Socket(fresh(t, server)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	transaction, err := d.Writer().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := d.Turn(t.Context(), transaction)
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	failed := transaction.Commit()
	if failed == nil {
		t.Fatal("a server that is gone has committed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, waits := range []bool{true, false} {
		began := time.Now()
		err = d.Settle(ctx, receipt, failed)
		if !errors.Is(err, store.ErrUnknown) || d.Retry(err) {
			t.Errorf("got %v, to be repeated: %v", err, d.Retry(err))
		}
		if took := time.Since(began); waits != (took >= settleTime) {
			t.Errorf("somebody waits: %v, and it asks for %v", waits, took)
		}
		cancel() // as by a stop
	}
}

// TestAServerThatRestarts: writes go on when it is back, and none is lost or done twice.
func TestAServerThatRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	db := opened(t, server.URL(fresh(t, server)), newKeys(t))
	feed, at := followed(t, db)
	const writes = 40
	done := make(chan error, 1)
	go func() {
		for i := range writes {
			if i == 5 {
				server.Stop()
				if err := server.Start(); err != nil {
					done <- err
					return
				}
			}
			for tries := 0; ; tries++ {
				err := school(db, fmt.Sprint(i))
				if err == nil {
					break
				}
				if tries == 20 || errors.Is(err, store.ErrUnknown) {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	changes, after, err := feed.Since(t.Context(), at)
	if err != nil || len(changes) != 1 || len(changes[0].Schools) != writes || after.Seq != at.Seq+writes {
		t.Errorf("%d after %d, %v", after.Seq, at.Seq, err)
	}
}

// TestOldTurnsGo: receipts are no burden for ever.
func TestOldTurnsGo(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := fresh(t, server)
	d, err := open(t.Context(), server.Socket(database))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := server.SQL(database, "UPDATE turns SET at = at - INTERVAL '2 hours'"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Writer().Exec(clear); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := d.Writer().QueryRow("SELECT COUNT(*) FROM turns").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d turns, %v", n, err)
	}
}
