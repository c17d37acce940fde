//go:build peers

package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store/storetest"
)

// partitioned makes the empty tables that grow without end anew as tables with
// partitions by time, as an operator may whose journal is a hundred million rows. The
// border lies in the middle of what the suite writes.
func partitioned(s *pgtest.Server, database string) error {
	border := time.Date(2026, 9, 1, 8, 10, 0, 0, time.UTC)
	id := fmt.Sprintf(`'\x%08x'`, border.Unix())
	for _, table := range []struct{ name, by, border string }{
		{"audit", "at", fmt.Sprint(border.UnixMicro())}, {"sessions", "id", id}, {"session_addresses", "session", id},
	} {
		for _, statement := range []string{
			"ALTER TABLE %[1]s RENAME TO %[1]s_whole", "CREATE TABLE %[1]s (LIKE %[1]s_whole INCLUDING ALL) PARTITION BY RANGE (%[2]s)", "DROP TABLE %[1]s_whole CASCADE",
			"CREATE TABLE %[1]s_past PARTITION OF %[1]s FOR VALUES FROM (MINVALUE) TO (%[3]s)", "CREATE TABLE %[1]s_now PARTITION OF %[1]s FOR VALUES FROM (%[3]s) TO (MAXVALUE)",
		} {
			if _, err := s.SQL(database, fmt.Sprintf(statement, table.name, table.by, table.border)); err != nil {
				return err
			}
		}
	}
	for _, table := range []string{"session_addresses", "disconnects"} {
		if _, err := s.SQL(database, "ALTER TABLE "+table+" ADD FOREIGN KEY (session) REFERENCES sessions (id)"); err != nil {
			return err
		}
	}
	return nil
}

// TestPartitioned: the journal and the audit trail do not notice that their tables have
// partitions.
func TestPartitioned(t *testing.T) {
	storetest.RunGrowing(t, func(t *testing.T) storetest.Engine {
		t.Parallel()
		s := pgtest.Shared(t)
		return engineOn(s, s.From(t, "partitioned", func(database string) error { return errors.Join(schema(s, database), partitioned(s, database)) }))
	})
}
