package postgres

import (
	"context"
	"database/sql"
	driverpkg "database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"schoolbridge/internal/store"
)

// Conditions by SQLSTATE (PostgreSQL documentation, appendix A).
const (
	uniqueViolation     = "23505"
	duplicateTable      = "42P07"
	duplicateObject     = "42710" // of the type that a table has, too
	featureNotSupported = "0A000"
	syntaxError         = "42601"
	lockNotAvailable    = "55P03" // in time
	readOnly            = "25006" // the server was demoted
	unknown             = "40003" // whether it was carried out, as distributed engines say
)

// again are those in which nothing was changed, and the same may succeed at once.
var again = []string{
	"40001", "40P01", // serialization failure, deadlock
	lockNotAvailable,
	"25P03", // silent for too long
	readOnly,
}

// Retry implements store.Driver. What became of a Commit is Settle's to say, so
// nothing that was committed gets here.
func (d *driver) Retry(err error) bool {
	if err == nil || errors.Is(err, store.ErrUnknown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !unreachable(err) {
		return false
	}
	if code(err) == readOnly {
		// Its other connections lead nowhere either.
		for _, pool := range []*sql.DB{d.writer, d.reader, d.feed} {
			forget(pool)
		}
	}
	return slices.Contains(again, code(err)) || gone(err)
}

// forget closes the connections of a pool that nobody uses.
func forget(pool *sql.DB) {
	size := pool.Stats().MaxOpenConnections
	pool.SetMaxIdleConns(-1)
	pool.SetMaxIdleConns(size)
}

// Duplicate implements store.Driver.
func (d *driver) Duplicate(err error) bool { return code(err) == uniqueViolation }

// code is the SQLSTATE of an error that a server told, or "".
func code(err error) string {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code
	}
	return ""
}

// gone says that the server was lost, or lets nobody in for now.
func gone(err error) bool {
	if c := code(err); c != "" {
		if ends(err) {
			return true
		}
		// Class 08 is about connections; 57P01 to 57P03 are a server that stops or
		// starts, 53300 one that is full.
		return strings.HasPrefix(c, "08") || c == "57P01" || c == "57P02" || c == "57P03" || c == "53300"
	}
	var broken net.Error
	return unreachable(err) || errors.As(err, &broken) || errors.Is(err, driverpkg.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) ||
		err != nil && strings.Contains(err.Error(), "conn closed")
}

// ends says that a server told an error and went: it ended the connection, or fell down
// altogether because it could not write its log.
func ends(err error) bool {
	var told *pgconn.PgError
	return errors.As(err, &told) && (told.SeverityUnlocalized == "FATAL" || told.SeverityUnlocalized == "PANIC")
}

// unreachable says that no server of the address was to be had.
func unreachable(err error) bool {
	var failed *pgconn.ConnectError
	return errors.As(err, &failed)
}

// undecided says that a failed Commit may have been carried out.
func undecided(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return false
	}
	return code(err) == "" || gone(err) || code(err) == unknown
}

// unsupported says that an engine does not know a statement, as those do not that
// have nothing to clean up.
func unsupported(err error) bool { return code(err) == featureNotSupported || code(err) == syntaxError }
