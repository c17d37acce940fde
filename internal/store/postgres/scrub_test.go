//go:build peers

package postgres

import (
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
)

// TestScrubBesideABackup: pg_dump holds every table for as long as it runs, and VACUUM
// FULL waits for it. Whoever comes after that waits behind it, a sign-in that looks
// whether its password is needed too: so it does not wait long.
func TestScrubBesideABackup(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database := fresh(t, server)
	d, err := open(t.Context(), server.Socket(database))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dump, err := d.Reader().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dump.Exec("LOCK TABLE day_keys, passwords, tag_keys IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Scrub(t.Context()) }()
	var longest time.Duration
	for scrubbed := false; !scrubbed; {
		select {
		case err = <-done:
			scrubbed = true
		case <-time.After(5 * time.Millisecond):
		}
		began := time.Now()
		if _, err := d.Feed().Exec("SELECT COUNT(*) FROM passwords, day_keys, tag_keys"); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(began))
	}
	if err == nil {
		t.Error("it says that what was deleted is gone")
	}
	if longest > 8*time.Second { // lockTimeout's ten, where the machine is busy: not what 0.3 s make of it
		t.Errorf("a sign-in waits for %v", longest)
	}
	if err := dump.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := d.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
	var limit string
	if err := d.Writer().QueryRow("SHOW lock_timeout").Scan(&limit); err != nil || limit != lockTimeout {
		t.Errorf("transactions wait for %s, %v", limit, err)
	}
}
