//go:build peers

package postgres

import (
	"database/sql"
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
)

// TestASilentConnection: the server behind a proxy died, and the proxy keeps the
// daemon's connections: each is found out in the time that a server has to answer, and
// writes and reads go on over others. Whoever waits has set no bound.
func TestASilentConnection(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	database, cable := fresh(t, server), server.Cable(t)
	db := opened(t, cable.URL(database), newKeys(t))
	if err := school(db, "49"); err != nil {
		t.Fatal(err)
	}
	feed, at := followed(t, db)
	if _, _, err := feed.Since(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	time.Sleep(idleAsk + 100*time.Millisecond)
	cable.Lose()
	done := make(chan error, 2)
	go func() { done <- school(db, "50") }()
	go func() {
		_, _, err := feed.Since(t.Context(), at)
		done <- err
	}()
	for late := time.After(4 * answerTime); len(done) < cap(done); {
		select {
		case <-late:
			t.Fatal("they wait for a server that is gone")
		case <-time.After(10 * time.Millisecond):
		}
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestASilentTurn: the same where the connection dies between the transaction's
// beginning and its turn.
func TestASilentTurn(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	cable := server.Cable(t)
	d, err := open(t.Context(), cable.URL(fresh(t, server)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var transaction *sql.Tx
	if transaction, err = d.Writer().BeginTx(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	cable.Lose()
	began := time.Now()
	if _, err = d.Turn(t.Context(), transaction); err == nil || !d.Retry(err) || time.Since(began) > turnTime+5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	_ = transaction.Rollback()
	if again, err := d.Writer().BeginTx(t.Context(), nil); err != nil {
		t.Error(err)
	} else if _, err = d.Turn(t.Context(), again); err != nil || again.Rollback() != nil {
		t.Error("the next one:", err)
	}
}
