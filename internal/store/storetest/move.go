package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/store"
)

// Side is a database from which, or to which, a store is moved.
type Side struct {
	Engine func(context.Context) (store.Driver, error)
	Open   func(context.Context, *store.Keyset) (*store.DB, error)
	Raw    *sql.DB // behind the store's back
}

// RunMove moves stores from databases of SQLite to others, all of which are empty at first.
func RunMove(t *testing.T, from, to func(*testing.T) Side) {
	for name, test := range map[string]func(*testing.T, *moving){
		"Whole": testMoveWhole, "Resumed": testMoveResumed, "NotEmpty": testMoveNotEmpty, "Changed": testMoveChanged, "Cancelled": testMoveCancelled,
		"CancelledAfterwards": testMoveCancelledAfterwards, "Elsewhere": testMoveElsewhere,
		"Others": testMoveOthers, "Overtaken": testMoveOvertaken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoving(t, from(t), to)
			m.store = from
			test(t, m)
		})
	}
}

// moving is a store with rows in every table, and where it goes.
type moving struct {
	t        *testing.T
	from, to Side
	another  func(*testing.T) Side
	store    func(*testing.T) Side // another one to be moved
	keys     *store.Keyset
	tables   map[string][]string // and their columns
}

func newMoving(t *testing.T, from Side, to func(*testing.T) Side) *moving {
	t.Helper()
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	m := &moving{t: t, from: from, to: to(t), another: to, keys: keys, tables: map[string][]string{}}
	if err := m.open(from); err != nil {
		t.Fatal(err)
	}
	m.fill(1, 40)
	return m
}

// fill puts rows that nobody could read into each table, in an order in which they
// can refer to others.
func (m *moving) fill(seed uint64, n int) {
	m.t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	people := make([][]byte, n)
	for i := range people {
		people[i] = blob(random)
	}
	for _, table := range m.query(m.from.Raw, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'meta' ORDER BY rowid") {
		name := table[0].(string)
		rows := n
		if name == "feed" {
			rows = 2500 // more than one write takes
		}
		m.fillTable(random, name, rows, people)
	}
}

func (m *moving) fillTable(random *rand.Rand, name string, rows int, people [][]byte) {
	m.t.Helper()
	refers := map[string]string{}
	for _, key := range m.query(m.from.Raw, `SELECT "from", "table" FROM pragma_foreign_key_list(?)`, name) {
		refers[key[0].(string)] = key[1].(string)
	}
	shape := m.query(m.from.Raw, `SELECT name, type, "notnull" FROM pragma_table_info(?)`, name)
	if m.tables[name] == nil {
		for _, column := range shape {
			m.tables[name] = append(m.tables[name], column[0].(string))
		}
	}
	insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, strings.Join(m.tables[name], ", "), strings.TrimSuffix(strings.Repeat("?,", len(shape)), ","))
	for i := range rows {
		var row []any
		for _, column := range shape {
			switch to := refers[column[0].(string)]; {
			case to == "people", name == "people" && column[0] == "id", name == "sessions" && column[0] == "id", to == "sessions":
				row = append(row, people[i])
			default:
				row = append(row, anything(random, column[1].(string), column[2].(int64) == 0))
			}
		}
		if _, err := m.from.Raw.Exec(insert, row...); err != nil {
			m.t.Fatalf("%s: %v", name, err)
		}
	}
}

func blob(random *rand.Rand) []byte {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// anything gives a value of a column's type: also none, where the column may have none.
func anything(random *rand.Rand, kind string, may bool) any {
	switch {
	case may && random.IntN(3) == 0:
		return nil
	case kind == "INTEGER":
		return random.Int64() - random.Int64()
	case kind == "TEXT":
		return fmt.Sprintf("Щукин «%d» ' %d", random.IntN(10), random.Uint64())
	}
	return blob(random)
}

// query gives all rows.
func (m *moving) query(db *sql.DB, query string, args ...any) (all [][]any) {
	m.t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		m.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }() // Err has said what there is to say
	columns, err := rows.Columns()
	if err != nil {
		m.t.Fatal(err)
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			m.t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		m.t.Fatal(err)
	}
	return all
}

// move makes one run, and gives its error.
func (m *moving) move(ctx context.Context, told func(store.MoveProgress)) error {
	_, err := m.with(func(from, to store.Driver) (int64, error) { return store.Move(ctx, from, to, told) })
	return err
}

func (m *moving) cancel() error {
	_, err := m.with(func(from, to store.Driver) (int64, error) { return 0, store.CancelMove(m.t.Context(), from, to) })
	return err
}

func (m *moving) with(do func(from, to store.Driver) (int64, error)) (int64, error) {
	m.t.Helper()
	from, err := m.from.Engine(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	to, err := m.to.Engine(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := do(from, to)
	return n, errors.Join(err, from.Close(), to.Close())
}

// open says whether a move keeps a daemon from starting. Past that, nobody could read
// the rows.
func (m *moving) open(side Side) error {
	db, err := side.Open(m.t.Context(), m.keys)
	if err == nil {
		return db.Close()
	}
	for _, fenced := range []error{store.ErrMoving, store.ErrMoved, store.ErrFilling, store.ErrNewer} {
		if errors.Is(err, fenced) {
			return err
		}
	}
	return nil
}

// same looks whether every row of the source is in the target, and no other.
func (m *moving) same() {
	m.t.Helper()
	if len(m.tables) < 40 {
		m.t.Fatalf("%d tables", len(m.tables))
	}
	for name, columns := range m.tables {
		query := fmt.Sprintf("SELECT %s FROM %s", strings.Join(columns, ", "), name)
		here, there := sorted(m.query(m.from.Raw, query)), sorted(m.query(m.to.Raw, query))
		if len(here) < 40 || !reflect.DeepEqual(here, there) {
			m.t.Errorf("%s: %d rows, and %d rows in the copy", name, len(here), len(there))
		}
	}
}

func sorted(rows [][]any) (lines []string) {
	for _, row := range rows {
		lines = append(lines, fmt.Sprintf("%#v", row))
	}
	slices.Sort(lines)
	return lines
}

func (m *moving) want(what string, got, want error) {
	m.t.Helper()
	if !errors.Is(got, want) {
		m.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// testMoveWhole: every table goes over, and exactly one of both can be opened.
func testMoveWhole(t *testing.T, m *moving) {
	var last store.MoveProgress
	m.want("move", m.move(t.Context(), func(p store.MoveProgress) { last = p }), nil)
	m.same()
	if last.Rows != last.Of || !last.Comparing || last.Of < 2500 {
		t.Errorf("%+v", last)
	}
	m.want("the store afterwards", m.open(m.from), store.ErrMoved)
	m.want("another move", m.move(t.Context(), nil), store.ErrMoved)
	m.want("the copy", m.open(m.to), nil)
}

// testMoveResumed: a move that is ended after any of its writes goes on, and until the
// end neither side can be opened.
func testMoveResumed(t *testing.T, m *moving) {
	runs := 0
	for ; ; runs++ {
		ctx, end := context.WithCancel(t.Context())
		calls := 0
		err := m.move(ctx, func(p store.MoveProgress) {
			if calls++; !p.Comparing && calls == 2 || p.Comparing && runs%5 == 0 {
				end()
			}
		})
		end()
		if err == nil {
			break
		}
		m.want("a run", err, context.Canceled)
		m.want("the store meanwhile", m.open(m.from), store.ErrMoving)
		m.want("the copy meanwhile", m.open(m.to), store.ErrFilling)
	}
	if runs < 20 {
		t.Errorf("%d runs", runs)
	}
	m.same()
	m.want("the copy", m.open(m.to), nil)
}

// testMoveNotEmpty: a database that has a store already is left alone.
func testMoveNotEmpty(t *testing.T, m *moving) {
	m.want("the other", m.open(m.to), nil)
	m.want("move", m.move(t.Context(), nil), store.ErrNotEmpty)
	m.want("the store", m.open(m.from), nil)
	m.want("the other", m.open(m.to), nil)
	m.want("cancel", m.cancel(), store.ErrNoMove)
}

// testMoveChanged: what somebody writes behind the move's back is noticed, and the
// next run makes the copy anew.
func testMoveChanged(t *testing.T, m *moving) {
	for i, change := range []string{"UPDATE names SET kind = kind + 1 WHERE digest = (SELECT MAX(digest) FROM names)", "DELETE FROM strays WHERE digest = (SELECT MIN(digest) FROM strays)",
		"INSERT INTO strays (digest, version, at, upstream, upstream_at) VALUES (x'', 0, 0, 0, 0)"} {
		err := m.move(t.Context(), func(p store.MoveProgress) {
			if !p.Comparing && p.Table == "sessions" {
				if _, err := m.from.Raw.Exec(change); err != nil {
					t.Error(err)
				}
			}
		})
		m.want(fmt.Sprint("change ", i), err, store.ErrChanged)
		m.want("the copy", m.open(m.to), store.ErrFilling)
	}
	m.want("move", m.move(t.Context(), nil), nil)
	if n := m.query(m.to.Raw, "SELECT COUNT(*) FROM strays")[0][0]; n != int64(40) {
		t.Errorf("%v", n)
	}
	m.want("the copy", m.open(m.to), nil)
}

// testMoveCancelled: the store is as it was.
func testMoveCancelled(t *testing.T, m *moving) {
	ctx, end := context.WithCancel(t.Context())
	m.want("a run", m.move(ctx, func(store.MoveProgress) { end() }), context.Canceled)
	m.want("cancel", m.cancel(), nil)
	m.want("the store", m.open(m.from), nil)
	m.want("the copy", m.open(m.to), store.ErrFilling)
	m.want("cancel again", m.cancel(), store.ErrNoMove)
	m.want("the same copy", m.move(t.Context(), nil), nil)
	m.same()
}

// testMoveCancelledAfterwards: there is a way back until somebody writes.
func testMoveCancelledAfterwards(t *testing.T, m *moving) {
	m.want("move", m.move(t.Context(), nil), nil)
	for write, undo := range map[string]string{
		"UPDATE feed_head SET seq = seq + 1 WHERE id = 1":                 "UPDATE feed_head SET seq = seq - 1 WHERE id = 1",
		"INSERT INTO nas_restarts (nas, unit, at) VALUES ('n', 'u', 777)": "DELETE FROM nas_restarts WHERE at = 777",
		"UPDATE sessions SET heard = heard + 1":                           "UPDATE sessions SET heard = heard - 1",
	} {
		if _, err := m.to.Raw.Exec(write); err != nil {
			t.Fatal(err)
		}
		m.want("cancel after "+write, m.cancel(), store.ErrInUse)
		m.want("the store", m.open(m.from), store.ErrMoved)
		if _, err := m.to.Raw.Exec(undo); err != nil {
			t.Fatal(err)
		}
	}
	m.want("cancel", m.cancel(), nil)
	m.want("the store", m.open(m.from), nil)
	m.want("the copy", m.open(m.to), store.ErrFilling)
}

// testMoveElsewhere: a move goes to one database, also where two are begun. What the
// other one has is given up with it.
func testMoveElsewhere(t *testing.T, m *moving) {
	ctx, end := context.WithCancel(t.Context())
	m.want("a run", m.move(ctx, func(store.MoveProgress) { end() }), context.Canceled)
	begun := m.to
	m.to = m.another(t)
	m.want("move elsewhere", m.move(t.Context(), nil), store.ErrElsewhere)
	m.want("cancel", m.cancel(), nil) // the first one was dropped
	m.want("move elsewhere", m.move(t.Context(), nil), nil)
	m.same()
	m.want("the first one", m.open(begun), store.ErrFilling)
}

// testMoveOthers: two stores do not go into one database, whatever the order.
func testMoveOthers(t *testing.T, m *moving) {
	ctx, end := context.WithCancel(t.Context())
	m.want("a run", m.move(ctx, func(store.MoveProgress) { end() }), context.Canceled)
	other := newMoving(t, m.store(t), func(*testing.T) Side { return m.to })
	m.want("another store", other.move(t.Context(), nil), store.ErrOthers)
	m.want("the other store", other.open(other.from), nil)
	m.want("the first one", m.move(t.Context(), nil), nil)
	m.same()
	m.want("another store", other.move(t.Context(), nil), store.ErrNotEmpty)
}

// testMoveOvertaken: a move that another one has overtaken, at whatever moment, writes no
// row more and opens nothing.
func testMoveOvertaken(t *testing.T, m *moving) {
	for _, comparing := range []bool{false, true} {
		at := ""
		m.want("a run", m.move(t.Context(), func(p store.MoveProgress) {
			if at != "" || p.Comparing != comparing {
				return
			}
			at = m.query(m.to.Raw, "SELECT value FROM meta WHERE name = 'move'")[0][0].(string)
			if _, err := m.to.Raw.Exec("UPDATE meta SET value = 'filling another' WHERE name = 'move'"); err != nil {
				t.Error(err)
			}
		}), store.ErrOthers)
		m.want("the copy", m.open(m.to), store.ErrFilling)
		m.want("the store", m.open(m.from), store.ErrMoving)
		if _, err := m.to.Raw.Exec("UPDATE meta SET value = '" + at + "' WHERE name = 'move'"); err != nil {
			t.Fatal(err)
		}
	}
	m.want("the move, alone", m.move(t.Context(), nil), nil)
	m.same()
}
