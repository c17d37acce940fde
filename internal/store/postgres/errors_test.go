package postgres

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A COMMIT may have been carried out whenever the server did not go on afterwards: it
// panics where it cannot write its log to the disk, and what it has written is found
// when it starts again.
func TestWhatACommitLeavesInDoubt(t *testing.T) {
	for _, c := range []struct {
		severity, code string
		want           bool
	}{
		{"ERROR", "40001", false}, // lost to another one
		{"ERROR", "53100", false}, // no room, and the transaction is rolled back
		{"ERROR", "23505", false},
		{"ERROR", "40003", true}, // "statement completion unknown"
		{"ERROR", "57P01", true},
		{"PANIC", "53100", true}, // no room for the log
		{"PANIC", "58030", true}, // it cannot be written
		{"FATAL", "57P01", true},
		{"FATAL", "XX000", true},
	} {
		err := error(&pgconn.PgError{Severity: "ПАНИКА", SeverityUnlocalized: c.severity, Code: c.code})
		if undecided(err) != c.want {
			t.Errorf("%s %s: in doubt %v", c.severity, c.code, !c.want)
		}
	}
	if !undecided(errors.New("unexpected EOF")) {
		t.Error("no answer is no doubt")
	}
}
