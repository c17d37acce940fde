package teams

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/person"
)

// maxLine bounds a record in bytes.
const maxLine = 64 << 10

// digest stands for a value: sets of them are small whatever the values are.
type digest [16]byte

func digestOf(parts ...string) digest {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return digest(sum[:16])
}

// Check reads a set as the format's description has it (not as Build writes it)
// and gives the first fault with file and line: a file that is missing, a header,
// text that is no UTF-8 or no CSV, an empty required value, a value that no list
// knows, an id that comes twice, one that leads nowhere. It names no value.
func Check(dir string) error {
	ids := map[string]map[digest]bool{}
	for _, s := range checkOrder() {
		ids[s.name] = map[digest]bool{}
		if err := s.check(dir, ids); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.key[0] != "sourcedId" { // nothing can refer to it
			delete(ids, s.name)
		}
	}
	return nil
}

// checkOrder has what is referred to before what refers to it.
func checkOrder() []*spec {
	var order []*spec
	for _, name := range []string{"orgs.csv", "academicSessions.csv", "courses.csv", "users.csv", "roles.csv", "classes.csv", "enrollments.csv",
		"demographics.csv", "relationships.csv", "userFlags.csv"} {
		order = append(order, specOf(name))
	}
	return order
}

func (s *spec) check(dir string, ids map[string]map[digest]bool) error {
	key := s.at(s.key)
	logins := map[digest]bool{}
	own := map[digest]int{} // ids that must be in this file, and the line that says so
	for r, err := range records(filepath.Join(dir, s.name), s.columns) {
		if err != nil {
			return err
		}
		if err := s.checkValues(r.values); err != nil {
			return fmt.Errorf("line %d: %w", r.line, err)
		}
		id := digestOf(pick(r.values, key)...)
		if ids[s.name][id] {
			return fmt.Errorf("line %d: the id came before", r.line)
		}
		ids[s.name][id] = true
		if s.name == "users.csv" {
			login := digestOf(strings.ToLower(r.values[1]))
			if logins[login] {
				return fmt.Errorf("line %d: the username came before", r.line)
			}
			logins[login] = true
		}
		if err := s.checkReferences(r, ids, own); err != nil {
			return err
		}
	}
	for id, line := range own {
		if !ids[s.name][id] {
			return fmt.Errorf("line %d: an id leads to nothing in this file", line)
		}
	}
	return nil
}

func (s *spec) checkReferences(r read, ids map[string]map[digest]bool, own map[digest]int) error {
	for i, column := range s.columns {
		file, v := s.refers[column], r.values[i]
		if file == "" || v == "" {
			continue
		}
		parts := []string{v}
		if strings.HasSuffix(column, "Ids") {
			parts = strings.Split(v, ",")
		}
		for _, part := range parts {
			id := digestOf(part)
			if file == s.name {
				own[id] = r.line
			} else if !ids[file][id] {
				return fmt.Errorf("line %d: %s leads to nothing in %s", r.line, column, file)
			}
		}
	}
	return nil
}

func (s *spec) checkValues(values []string) error {
	for i, column := range s.columns {
		v := values[i]
		switch allowed := s.values[column]; {
		case v == "" && slices.Contains(s.required, column):
			return fmt.Errorf("%s is empty", column)
		case v == "":
		case allowed != nil && !slices.Contains(allowed, v):
			return fmt.Errorf("%s holds what its list does not know", column)
		case strings.HasSuffix(column, "Date"):
			if d, err := person.ParseDate(v); err != nil || d.String() != v {
				return fmt.Errorf("%s is no date of ISO 8601", column)
			}
		}
	}
	return nil
}

func pick(values []string, places []int) []string {
	list := make([]string, len(places))
	for i, p := range places {
		list[i] = values[p]
	}
	return list
}

// read is a record of a file.
type read struct {
	line   int
	values []string
}

var (
	errHeader  = errors.New("the header is another one")
	errColumns = errors.New("the number of values is another one than of columns")
	errQuotes  = errors.New("a quotation mark is where none may be")
	errText    = errors.New("no UTF-8, or a control character in it")
)

// records reads a file of the format: UTF-8 without a mark, one record a line
// (RFC 4180; a value holds no line's end), the columns in their order.
func records(path string, columns []string) iter.Seq2[read, error] {
	return func(yield func(read, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(read{}, err)
			return
		}
		defer func() { _ = f.Close() }() // opened for reading
		parse(f, columns, yield)
	}
}

func parse(from io.Reader, columns []string, yield func(read, error) bool) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 4096), maxLine)
	n := 0
	for lines.Scan() { // takes \r\n and \n
		n++
		values, err := fields(lines.Text())
		switch {
		case err == nil && n == 1 && !slices.Equal(values, columns):
			err = errHeader
		case err == nil && len(values) != len(columns):
			err = errColumns
		}
		if err != nil {
			yield(read{}, fmt.Errorf("line %d: %w", n, err))
			return
		}
		if n > 1 && !yield(read{n, values}, nil) {
			return
		}
	}
	if err := lines.Err(); err != nil {
		yield(read{}, fmt.Errorf("line %d: %w", n+1, err))
	} else if n == 0 {
		yield(read{}, errHeader)
	}
}

// fields takes a line of CSV apart (RFC 4180 section 2).
func fields(line string) ([]string, error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufeff' }) {
		return nil, errText
	}
	var list []string
	for {
		if !strings.HasPrefix(line, `"`) {
			value, rest, more := strings.Cut(line, ",")
			if strings.Contains(value, `"`) {
				return nil, errQuotes
			}
			if list = append(list, value); !more {
				return list, nil
			}
			line = rest
			continue
		}
		value, rest, err := quoted(line[1:])
		if err != nil {
			return nil, err
		}
		list = append(list, value)
		if rest == "" {
			return list, nil
		}
		if rest[0] != ',' {
			return nil, errQuotes
		}
		line = rest[1:]
	}
}

// quoted reads up to the closing mark; a doubled one stands for itself.
func quoted(line string) (value, rest string, err error) {
	var b strings.Builder
	for {
		before, after, closed := strings.Cut(line, `"`)
		if !closed {
			return "", "", errQuotes
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, nil
		}
		b.WriteByte('"')
		line = after[1:]
	}
}
