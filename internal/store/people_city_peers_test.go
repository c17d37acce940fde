//go:build peers

package store_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

var (
	peopleRows  = flag.Int("people.rows", 3000, "people with an account in the city")
	peopleWorld = flag.String("people.world", "", "keep the PostgreSQL that holds them in this `folder`, with the keyset; what lies there already is taken as it is")
)

// peopleDatabase is the city's, in the server that lies in the world's folder pg.
const peopleDatabase = "city"

// TestPeopleOfACity copies a city's people into a real PostgreSQL, as import, activation
// and a first sign-in leave them, and has a directory load some. For
// measurements: people who activate one by one would take hours for two millions.
func TestPeopleOfACity(t *testing.T) {
	var server *pgtest.Server
	dir := t.TempDir()
	if *peopleWorld == "" {
		server = pgtest.Own(t)
	} else {
		dir = *peopleWorld
		check(t, os.MkdirAll(dir, 0o711))
		if _, err := os.Stat(filepath.Join(dir, "whole")); err == nil {
			t.Log("it is there")
			return
		}
		server = pgtest.At(t, filepath.Join(dir, "pg"))
	}
	_, err := server.SQL("postgres", "CREATE DATABASE "+peopleDatabase+" TEMPLATE template0")
	check(t, err)
	keys, err := store.CreateKeyset(filepath.Join(dir, "keyset.json"))
	check(t, err)
	address := server.Socket(peopleDatabase)
	db, err := postgres.Open(t.Context(), address, keys, store.Options{})
	check(t, err)
	c := &crowd{keys: keys, n: *peopleRows, schools: 1 + *peopleRows/1700, now: time.Now().Truncate(time.Microsecond)}
	began := time.Now()
	c.found(t, db)
	c.fill(t, address)
	t.Logf("%d people in %v", c.n, time.Since(began).Round(time.Second))
	if *peopleWorld == "" { // else the daemons load them
		c.judge(t, db)
	}
	check(t, db.Close())
	if *peopleWorld != "" {
		check(t, os.WriteFile(filepath.Join(dir, "whole"), fmt.Append(nil, c.n), 0o600))
	}
}

type crowd struct {
	keys       *store.Keyset
	n, schools int
	now        time.Time
}

// found founds the schools, as an import does.
func (c *crowd) found(t *testing.T, db *store.DB) {
	var chunk store.Chunk
	for i := range c.schools {
		id := stand.SchoolID(i)
		chunk.Rows = append(chunk.Rows, store.Row{Key: string(id), Digest: []byte(id), Record: person.School{ID: id, Name: fmt.Sprint("Школа № ", id), Founder: "ДОНМ", District: "ЮАО"}})
	}
	check(t, db.Registry().Apply(t.Context(), chunk))
}

// fill copies everybody, one connection for each table. What refers to rows of another
// table comes as they come, so that is not looked at here; judge sees that all is there.
func (c *crowd) fill(t *testing.T, address string) {
	failed := make(chan error, len(store.AccountTables)+1)
	rows := make([]chan []any, len(store.AccountTables))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i, table := range store.AccountTables {
		rows[i] = make(chan []any, 1000)
		conn := dial(t, address)
		_, err := conn.Exec(ctx, "SET session_replication_role = replica")
		check(t, err)
		go func() {
			_, err := conn.CopyFrom(ctx, pgx.Identifier{table.Name}, table.Columns, pgx.CopyFromFunc(func() ([]any, error) { return <-rows[i], nil }))
			failed <- err
		}()
	}
	go func() { failed <- c.write(ctx, rows) }()
	for range cap(failed) {
		check(t, <-failed)
	}
	conn := dial(t, address)
	_, err := conn.Exec(ctx, "UPDATE counters SET value = (SELECT MAX(uid_number) FROM accounts) WHERE name = 'uid_number'")
	check(t, err)
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		_, err := conn.Exec(ctx, statement)
		check(t, err)
	}
}

func (c *crowd) write(ctx context.Context, to []chan []any) error {
	defer func() {
		for _, rows := range to {
			close(rows)
		}
	}()
	nt := mschap.NTHash(stand.Password)
	for i := range c.n {
		tables, err := c.keys.AccountRows(c.id(i), int64(100_000+i), stand.Profile(i), stand.Employment(i, c.schools), nt[:], c.now)
		if err != nil {
			return err
		}
		for n, rows := range tables {
			for _, row := range rows {
				select {
				case to[n] <- row:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
	}
	return nil
}

// id is as random as a real one is in an index, and not in the order of logins.
func (c *crowd) id(i int) (id identity.PersonID) {
	binary.BigEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], uint64(i))
	return id
}

// judge: everybody is in the directory, with a school, and is found by name; the
// password's hash is there.
func (c *crowd) judge(t *testing.T, db *store.DB) {
	n := 0
	_, err := db.Directory().Load(t.Context(), func(person.School) error { return nil }, func(e *directory.Entry) error {
		if n++; len(e.Affiliations) != 1 || e.Affiliations[0].Closed || len(e.Names) != 1 || e.MosruLogin == "" {
			return fmt.Errorf("%+v", e)
		}
		return nil
	})
	check(t, err)
	holder, err := db.Accounts().Find(t.Context(), stand.Login(c.n-1))
	check(t, err)
	v, err := db.Credentials().Verifier(t.Context(), holder.Person)
	check(t, err)
	if n != c.n || holder.Person != c.id(c.n-1) || len(v.NTHash) == 0 {
		t.Errorf("%d people, the last is %v", n, holder.Person)
	}
}
