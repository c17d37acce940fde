package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// dialect gives the engine's own words. The order of text is that of its bytes, as
// in SQLite: pages of a list go on after a key, whatever the database's language.
var dialect = strings.NewReplacer("{int}", "BIGINT", "{bytes}", "BYTEA", "{text}", `TEXT COLLATE "C"`, "{table}", "", "{at}", ", at", " {by audit_blocks}", "", " {by audit_own}", "", " {by audit_person_kind}", "")

// SQL implements store.Driver.
func (d *driver) SQL(query string) string { return translate(query) }

// translate numbers the placeholders; a question mark inside quotes is none.
func translate(query string) string {
	if strings.Contains(query, "{") {
		query = dialect.Replace(query)
	}
	if !strings.Contains(query, "?") {
		return query
	}
	var out strings.Builder
	out.Grow(len(query) + 16)
	quoted, n := false, 0
	for i := range len(query) {
		switch c := query[i]; {
		case c == '\'':
			quoted = !quoted
			out.WriteByte(c)
		case c == '?' && !quoted:
			n++
			out.WriteByte('$')
			out.WriteString(strconv.Itoa(n))
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// number lets a bool be written into a column of numbers, where SQLite's driver does so
// by itself: false is 0, true 1.
type number struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (f *number) SetNext(next pgtype.EncodePlan) { f.next = next }

// Encode implements pgtype.EncodePlan.
func (f *number) Encode(value any, buf []byte) ([]byte, error) {
	var n int64
	if value.(bool) {
		n = 1
	}
	return f.next.Encode(n, buf)
}

// teach makes a new connection take bools for numbers. What has a plan already, as a
// bool for a bool has, never comes here.
func teach(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{func(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
		if _, ok := value.(bool); !ok {
			return nil, nil, false
		}
		return new(number), int64(0), true
	}}, types.TryWrapEncodePlanFuncs...)
	return nil
}
