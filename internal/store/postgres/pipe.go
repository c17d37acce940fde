package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"schoolbridge/internal/store"
)

// pipeMost is how many statements go out before the first answer is read: the server
// answers while it takes, and both sides' buffers are bounded.
const pipeMost = 128

// Exec implements store.Pipe by the protocol's pipeline: one round trip, where each
// statement has one of its own otherwise, in which the others' writes wait too.
func (d *driver) Exec(ctx context.Context, conn *sql.Conn, statements []store.Statement) error {
	return conn.Raw(func(inner any) error {
		c, ok := inner.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection is a %T", inner)
		}
		for len(statements) > 0 {
			n := min(len(statements), pipeMost)
			if err := pipe(ctx, c.Conn(), statements[:n]); err != nil {
				return err
			}
			statements = statements[n:]
		}
		return nil
	})
}

func pipe(ctx context.Context, conn *pgx.Conn, statements []store.Statement) (err error) {
	batch := new(pgx.Batch)
	for _, s := range statements {
		batch.Queue(s.Query, s.Args...)
	}
	results := conn.SendBatch(ctx, batch)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	for range statements {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return nil
}
