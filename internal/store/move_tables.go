package store

import (
	"slices"
	"strings"
)

// tableShape is what a copy has to know of a table.
type tableShape struct {
	name    string
	columns []string // in the order in which they were made
	key     []string // those of the primary key
}

// tableShapes reads the schema's own statements, so that no list of tables has to be
// kept beside them. Tables come after those that they refer to.
func tableShapes() []tableShape {
	var tables []tableShape
	for _, m := range migrations {
		for _, statement := range m.statements {
			words := strings.Fields(statement)
			switch {
			case strings.HasPrefix(statement, "CREATE TABLE "):
				tables = append(tables, readTable(words[2], statement))
			case strings.HasPrefix(statement, "ALTER TABLE "): // it adds a column: nothing is ever taken away
				i := slices.IndexFunc(tables, func(t tableShape) bool { return t.name == words[2] })
				tables[i].columns = append(tables[i].columns, words[5])
			}
		}
	}
	return tables
}

// readTable reads CREATE TABLE name (column type …, …, PRIMARY KEY (column, …)).
func readTable(name, statement string) tableShape {
	t := tableShape{name: name}
	body := statement[strings.Index(statement, "(")+1 : strings.LastIndex(statement, ")")]
	for _, part := range topLevel(strings.ReplaceAll(body, "{at}", "")) {
		words := strings.Fields(part)
		switch {
		case words[0] == "PRIMARY":
			inner := part[strings.Index(part, "(")+1 : strings.LastIndex(part, ")")]
			for column := range strings.SplitSeq(inner, ",") {
				t.key = append(t.key, strings.TrimSpace(column))
			}
		case words[0] == "UNIQUE":
		default:
			t.columns = append(t.columns, words[0])
			if strings.Contains(part, " PRIMARY KEY") {
				t.key = []string{words[0]}
			}
		}
	}
	return t
}

// topLevel splits at the commas that stand in no brackets.
func topLevel(list string) (parts []string) {
	depth, began := 0, 0
	for i, c := range list {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, list[began:i])
				began = i + 1
			}
		}
	}
	return append(parts, list[began:])
}

// selects is the query of a table's rows in the order of their keys, those after a
// key where there is one.
func (s tableShape) selects(after bool) string {
	key := strings.Join(s.key, ", ")
	query := "SELECT " + strings.Join(s.columns, ", ") + " FROM " + s.name
	if after {
		query += " WHERE (" + key + ") > (" + marks(len(s.key)) + ")"
	}
	return query + " ORDER BY " + key
}

// last is the query of the greatest key.
func (s tableShape) last() string {
	return "SELECT " + strings.Join(s.key, ", ") + " FROM " + s.name + " ORDER BY " + strings.Join(s.key, " DESC, ") + " DESC LIMIT 1"
}

// inserts is the statement that writes n rows.
func (s tableShape) inserts(n int) string {
	row := "(" + marks(len(s.columns)) + "),"
	return "INSERT INTO " + s.name + " (" + strings.Join(s.columns, ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(row, n), ",")
}
