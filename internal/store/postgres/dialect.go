package postgres

import (
	"strconv"
	"strings"
)

// dialect gives the engine's own words. The order of text is that of its bytes, as
// in SQLite: pages of a list go on after a key, whatever the database's language.
var dialect = strings.NewReplacer("{int}", "BIGINT", "{bytes}", "BYTEA", "{text}", `TEXT COLLATE "C"`, "{table}", "", "{at}", ", at")

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
