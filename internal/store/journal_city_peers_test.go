//go:build peers

package store_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

var (
	cityRows    = flag.Int("journal.rows", 20_000, "sessions in the journal")
	cityMore    = flag.Int("journal.entries", 0, "so many entries more in the index by address, of addresses that nobody asks about and of sessions that have no row; the table then has the index that searches by address read, and no other")
	cityExplain = flag.Bool("journal.explain", false, "print how the server answers a search by an address and a time, with the pages that it reads")
	cityAsks    = flag.Int("journal.asks", 100, "different questions of each kind")
	cityBound   = flag.Duration("journal.bound", time.Second, "p99 of a warm search by an address and a time")
)

// The city whose journal is filled: everybody is at one school, with a device that
// comes back. A hundred million sessions are 180 school days; fewer are fewer days and
// not emptier ones, for what a search reads hangs on how many have an address in a day.
const (
	citySchools = 600
	cityPeople  = 1_000_000
	cityPerDay  = 100_000_000 / 180
)

// TestJournalOfACity fills a journal on a real PostgreSQL with rows as the daemon
// writes them, and asks what the daemon asks. `make bench-journal` has millions of
// rows, and bench/README.md says what came out.
func TestJournalOfACity(t *testing.T) {
	server := pgtest.Own(t)
	keys, err := store.NewKeyset()
	check(t, err)
	address := server.Socket(server.Database(t))
	db, err := postgres.Open(t.Context(), address, keys, store.Options{})
	check(t, err)
	check(t, db.Close())
	c := &city{keys: keys, rows: *cityRows, from: time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC)}
	started := time.Now()
	c.fill(t, address)
	t.Logf("%d sessions of %d schools in %v", c.rows, citySchools, time.Since(started).Round(time.Second))
	c.size(t, address)
	if *cityMore > 0 {
		c.more(t, address)
	}
	for _, cold := range []bool{true, false} {
		if cold {
			server.Stop()
			forget(t, server.Folder)
			check(t, server.Start())
		}
		if *cityExplain {
			c.explain(t, server, address)
		}
		c.ask(t, address, cold)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// city knows every session by its number.
type city struct {
	keys *store.Keyset
	rows int
	from time.Time
}

// session gives the n-th session: they begin one after the other, in school hours.
func (c *city) session(n int) *journal.Session {
	chance := rand.New(rand.NewPCG(uint64(n), 7))
	who := chance.IntN(cityPeople)
	school, access := who%citySchools, chance.IntN(40)
	began := c.from.AddDate(0, 0, n/cityPerDay).Add(time.Duration(n%cityPerDay) * 7 * time.Hour / cityPerDay).Truncate(time.Microsecond)
	lasted := time.Duration(5+chance.ExpFloat64()*80) * time.Minute
	if who%500 == 0 { // a board or a forgotten tablet
		lasted += time.Duration(chance.IntN(5*24)) * time.Hour
	}
	at := began.Add(lasted)
	s := &journal.Session{
		NAS: fmt.Sprint("school-", school), Unit: fmt.Sprintf("ap-%d-%d", school, access), Key: fmt.Sprintf("%08X-%08X", n, access),
		Given: identity.Given{Mark: 1 << 40, At: began}, Began: began, BeganTold: true, Told: at, Interim: true, Stopped: at, Duration: lasted, Ended: at, Ending: journal.EndTold,
		Traffic: journal.Traffic{InOctets: chance.Uint64N(1 << 28), OutOctets: chance.Uint64N(1 << 31), InPackets: chance.Uint32N(1 << 20), OutPackets: chance.Uint32N(1 << 21)}, Cause: 1,
		Detail: journal.Detail{Device: cityDevice(who), Station: fmt.Sprintf("%012X", who), SSID: "School", School: fmt.Sprint(school), SignIn: fmt.Sprintf("%024x", n),
			Peer: cityNAT(school), NASAddr: netip.AddrFrom4([4]byte{192, 168, 1, byte(access)})},
	}
	s.Person = cityPerson(who)
	if who%50 == 49 { // a guest, or a controller that does not send the Class back
		s.Person, s.Detail.Name = identity.PersonID{}, fmt.Sprintf("guest%d", who)
	}
	binary.BigEndian.PutUint32(s.ID[:], uint32(began.Unix()))
	binary.BigEndian.PutUint32(s.ID[4:], uint32(n))
	hold := func(p netip.Prefix) {
		s.Addresses = append(s.Addresses, journal.Address{Prefix: p, First: began, Last: at})
	}
	hold(netip.PrefixFrom(cityAddress(school, chance.IntN(2000)), 32))
	if chance.IntN(10) == 0 { // one in ten has IPv6 too
		hold(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(school >> 8), byte(school), 0, 0, 8: byte(who >> 16), 9: byte(who >> 8), 10: byte(who), 15: 1}), 128))
	}
	return s
}

// cityAddress is what a school's router lends. Half of the schools number their
// networks alike; of every twentieth the controller tells one address for all, that
// of the router towards the world.
func cityAddress(school, n int) netip.Addr {
	switch {
	case school%20 == 0:
		return cityNAT(school)
	case school%2 == 0:
		return netip.AddrFrom4([4]byte{192, 168, byte(n >> 8), byte(n)})
	}
	return netip.AddrFrom4([4]byte{10, byte(school >> 4), byte(school<<4) | byte(n>>8), byte(n)})
}

func cityNAT(school int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(school >> 8), byte(school)})
}

func cityDevice(who int) string {
	return fmt.Sprintf("02:00:00:%02x:%02x:%02x", who>>16, who>>8&255, who&255)
}

func cityPerson(who int) (id identity.PersonID) {
	chance := rand.New(rand.NewPCG(uint64(who), 3))
	binary.BigEndian.PutUint64(id[:], chance.Uint64())
	binary.BigEndian.PutUint64(id[8:], chance.Uint64())
	return id
}

// fill copies everybody's sessions in, and makes the indexes again afterwards, which is
// how as many come in without a week of writing. Constraints are put back too.
func (c *city) fill(t *testing.T, address string) {
	ctx := t.Context()
	conns := [2]*pgx.Conn{dial(t, address), dial(t, address)}
	sql := func(statements ...string) {
		for _, s := range statements {
			if _, err := conns[0].Exec(ctx, s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	sql("SET maintenance_work_mem = '512MB'")
	drop, restore := c.indexes(t, conns[0])
	sql(drop...)
	sessions, addresses := make(chan []any, 10_000), make(chan []any, 10_000)
	failed := make(chan error, 3)
	go func() {
		defer close(sessions)
		defer close(addresses)
		failed <- c.write(ctx, sessions, addresses)
	}()
	for i, into := range []struct {
		table   string
		columns []string
		rows    <-chan []any
	}{{"sessions", store.SessionColumns, sessions}, {"session_addresses", store.AddressColumns, addresses}} {
		go func() { failed <- copyIn(ctx, conns[i], into.table, into.columns, into.rows) }()
	}
	for range 3 {
		check(t, <-failed)
	}
	sql(restore...)
	sql("VACUUM (ANALYZE) sessions", "VACUUM (ANALYZE) session_addresses", "CHECKPOINT")
}

// indexes gives what takes away all indexes of the two tables, and what makes them
// again.
func (c *city) indexes(t *testing.T, conn *pgx.Conn) (drop, restore []string) {
	ask := func(query string) (all []string) {
		rows, err := conn.Query(t.Context(), query)
		check(t, err)
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		check(t, err)
		return all
	}
	const ours = "conrelid IN ('sessions'::regclass, 'session_addresses'::regclass)"
	drop = append(drop, ask("SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'sessions'::regclass")...)
	last := ask("SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'sessions'::regclass")
	drop = append(drop, ask("SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint WHERE contype = 'p' AND "+ours)...)
	restore = ask("SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype = 'p' AND " + ours)
	const plain = " FROM pg_index i WHERE NOT i.indisprimary AND i.indrelid IN ('sessions'::regclass, 'session_addresses'::regclass)"
	drop = append(drop, ask("SELECT format('DROP INDEX %s', i.indexrelid::regclass)"+plain)...)
	restore = append(restore, ask("SELECT pg_get_indexdef(i.indexrelid)"+plain)...)
	return drop, append(restore, last...)
}

func (c *city) write(ctx context.Context, sessions, addresses chan<- []any) error {
	put := func(to chan<- []any, row []any, err error) error {
		if err != nil {
			return err
		}
		select {
		case to <- row:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for n := range c.rows {
		s := c.session(n)
		row, err := c.keys.SessionRow(s, s.Ended.UnixMicro())
		if err := put(sessions, row, err); err != nil {
			return err
		}
		for i := range s.Addresses {
			row, err := c.keys.AddressRow(s, i)
			if err := put(addresses, row, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyIn fills an empty table. In the transaction that emptied it the rows do not go
// to the write-ahead log.
func copyIn(ctx context.Context, conn *pgx.Conn, table string, columns []string, rows <-chan []any) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "TRUNCATE "+table); err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) { return <-rows, nil }))
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func dial(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// more makes the indexes by address as deep as a longer journal's, where whole sessions
// would not have room on the disk. A search by address and time reads of others' entries
// what lies above the leaves, and none of their rows. The other indexes of the table,
// which it does not read, are taken away for the same reason.
func (c *city) more(t *testing.T, address string) {
	began := time.Now()
	conn := dial(t, address)
	sql := func(statement string, args ...any) {
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	sql("ALTER TABLE session_addresses DROP CONSTRAINT session_addresses_session_fkey")
	sql("ALTER TABLE session_addresses DROP CONSTRAINT session_addresses_pkey")
	sql("DROP INDEX session_addresses_session")
	// A thousand entries of each address. They come evenly among those that are there, in the
	// order of the index, which is quicker.
	const entries, each = `INSERT INTO session_addresses (digest, session, began, long, until)
		SELECT int8send((n / 1000 * $3::bigint - 4611686018427387904) * 2) || substr(sha256(int8send(n / 1000)), 9), int8send(n), $4::bigint + n % 1000 * 60000000, 0, $4::bigint + n % 1000 * 60000000 + 5100000000
		FROM generate_series($1::bigint, $2::bigint - 1) n`, 1_000_000
	apart := math.MaxInt64 / int64(1+*cityMore/1000)
	for from := 0; from < *cityMore; from += each {
		sql(entries, from, min(from+each, *cityMore), apart, c.from.UnixMicro())
	}
	sql("VACUUM (ANALYZE) session_addresses")
	sql("CHECKPOINT")
	var rows, indexes int64
	check(t, conn.QueryRow(t.Context(), "SELECT pg_table_size('session_addresses'), pg_indexes_size('session_addresses')").Scan(&rows, &indexes))
	check(t, conn.Close(t.Context()))
	t.Logf("%d entries more in %v: now %.1f GiB of rows, %.1f GiB of the indexes by address", *cityMore, time.Since(began).Round(time.Second), float64(rows)/(1<<30), float64(indexes)/(1<<30))
}

// explain has the server tell how it answers a search by address and time that it was
// not asked before.
func (c *city) explain(t *testing.T, server *pgtest.Server, address string) {
	const tell = " options='-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_analyze=on -c auto_explain.log_buffers=on -c auto_explain.log_parameter_max_length=0'"
	log := filepath.Join(filepath.Dir(server.Folder), "stdout.log")
	before, err := os.ReadFile(log)
	check(t, err)
	db, err := postgres.Open(t.Context(), address+tell, c.keys, store.Options{})
	check(t, err)
	s := c.session(c.rows / 3)
	_, err = db.Journal().Find(t.Context(), journal.Query{Address: s.Addresses[0].Prefix.Addr(), At: s.Began.Add(s.Duration / 2)})
	check(t, err)
	check(t, db.Close())
	said, err := os.ReadFile(log)
	check(t, err)
	for _, plan := range strings.Split(string(said[len(before):]), "LOG:  duration: ") {
		if strings.Contains(plan, "FROM session_addresses a JOIN") {
			t.Log(plan)
		}
	}
}

// size tells what a session takes on the disk, by columns and indexes too.
func (c *city) size(t *testing.T, address string) {
	conn := dial(t, address)
	var all int64
	var lines []string
	for _, table := range []string{"sessions", "session_addresses"} {
		var rows, indexes int64
		check(t, conn.QueryRow(t.Context(), "SELECT pg_table_size($1::text::regclass), pg_indexes_size($1::text::regclass)", table).Scan(&rows, &indexes))
		all += rows + indexes
		lines = append(lines, fmt.Sprintf("%s %d B and indexes %d B", table, rows/int64(c.rows), indexes/int64(c.rows)))
	}
	t.Logf("on the disk %.1f GiB, %d B a session: %s", float64(all)/(1<<30), all/int64(c.rows), strings.Join(lines, ", "))
	for what, query := range map[string]string{
		"columns, B of a row that has one": "SELECT tablename || '.' || attname || ' ' || avg_width FROM pg_stats WHERE tablename IN ('sessions', 'session_addresses') ORDER BY tablename, avg_width DESC",
		"indexes, B of a session":          "SELECT indexrelid::regclass || ' ' || pg_relation_size(indexrelid) / $1::bigint FROM pg_index WHERE indrelid IN ('sessions'::regclass, 'session_addresses'::regclass) AND $1::bigint > 0 ORDER BY pg_relation_size(indexrelid) DESC",
	} {
		var args []any
		if strings.Contains(query, "$1") {
			args = append(args, c.rows)
		}
		rows, err := conn.Query(t.Context(), query, args...)
		check(t, err)
		each, err := pgx.CollectRows(rows, pgx.RowTo[string])
		check(t, err)
		t.Logf("%s: %s", what, strings.Join(each, ", "))
	}
	check(t, conn.Close(t.Context()))
}

// forget takes a stopped server's files out of the memory of the machine.
func forget(t *testing.T, folder string) {
	t.Helper()
	check(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}))
}

// ask asks each kind of question about sessions that are picked by chance, holds every
// answer against what is known of them, and tells how long the answers took and how many
// pages of the two tables and their indexes one has looked at.
func (c *city) ask(t *testing.T, address string, cold bool) {
	state := "warm"
	if cold {
		state = "cold"
	}
	watch := dial(t, address)
	questions := c.questions()
	for _, kind := range slices.Sorted(maps.Keys(questions)) {
		q := questions[kind]
		db, err := postgres.Open(t.Context(), address, c.keys, store.Options{})
		check(t, err)
		if !cold {
			c.times(t, db, kind, q) // so that all of it has been read
		}
		check(t, db.Close())
		before := pages(t, watch)
		db, err = postgres.Open(t.Context(), address, c.keys, store.Options{})
		check(t, err)
		times, found := c.times(t, db, kind, q)
		check(t, db.Close())
		each := (pages(t, watch) - before) / len(times)
		slices.Sort(times)
		p50, p99 := times[len(times)/2], times[(len(times)-1)*99/100]
		t.Logf("%-34s %s: p50 %8.2f ms, p99 %8.2f ms, longest %8.2f ms; %d answers, %d pages a question", kind, state, ms(p50), ms(p99), ms(times[len(times)-1]), found, each)
		if !cold && kind == byAddressAt && p99 > *cityBound {
			t.Errorf("%s takes %v", kind, p99)
		}
	}
	check(t, watch.Close(t.Context()))
}

// pages gives how many were looked at so far, as the server has counted when everybody
// who asked is gone.
func pages(t *testing.T, watch *pgx.Conn) (n int) {
	t.Helper()
	for tries, others := 0, 1; others > 0; tries++ {
		if tries == 1000 {
			t.Fatal("others are connected still")
		}
		time.Sleep(10 * time.Millisecond)
		check(t, watch.QueryRow(t.Context(), "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()").Scan(&others))
	}
	check(t, watch.QueryRow(t.Context(), `SELECT SUM(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit) FROM pg_statio_user_tables
		WHERE relname IN ('sessions', 'session_addresses')`).Scan(&n))
	return n
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const byAddressAt = "address and time"

// questions are the Queries of the daemon: administrators look for an address or a
// device, with a time or without; the cabinet and explain for a person.
func (c *city) questions() map[string]func(s *journal.Session) *journal.Query {
	middle := func(s *journal.Session) time.Time { return s.Began.Add(s.Duration / 2) }
	return map[string]func(s *journal.Session) *journal.Query{
		byAddressAt: func(s *journal.Session) *journal.Query {
			return &journal.Query{Address: s.Addresses[0].Prefix.Addr(), At: middle(s)}
		},
		"address behind NAT and time": func(s *journal.Session) *journal.Query {
			if a := s.Addresses[0].Prefix.Addr(); a == s.Detail.Peer {
				return &journal.Query{Address: a, At: middle(s)}
			}
			return nil
		},
		"IPv6 address and time": func(s *journal.Session) *journal.Query {
			if len(s.Addresses) > 1 {
				return &journal.Query{Address: s.Addresses[1].Prefix.Addr(), At: middle(s)}
			}
			return nil
		},
		"address at any time": func(s *journal.Session) *journal.Query {
			return &journal.Query{Address: s.Addresses[0].Prefix.Addr()}
		},
		"device":          func(s *journal.Session) *journal.Query { return &journal.Query{Device: s.Detail.Device} },
		"device and time": func(s *journal.Session) *journal.Query { return &journal.Query{Device: s.Detail.Device, At: middle(s)} },
		"person, the newest 50": func(s *journal.Session) *journal.Query {
			if s.Person.IsZero() {
				return nil
			}
			return &journal.Query{Person: s.Person, Most: 50}
		},
		"name that a NAS told": func(s *journal.Session) *journal.Query {
			if s.Detail.Name == "" {
				return nil
			}
			return &journal.Query{Name: s.Detail.Name}
		},
		"all that live": func(*journal.Session) *journal.Query { return &journal.Query{Live: true} },
	}
}

func (c *city) times(t *testing.T, db *store.DB, kind string, question func(*journal.Session) *journal.Query) (times []time.Duration, found int) {
	t.Helper()
	chance := rand.New(rand.NewPCG(99, uint64(len(kind))))
	for tries := 0; len(times) < *cityAsks; tries++ {
		s := c.session(chance.IntN(c.rows))
		q := question(s)
		if q == nil {
			continue
		}
		began := time.Now()
		list, err := db.Journal().Find(t.Context(), *q)
		times = append(times, time.Since(began))
		check(t, err)
		found += len(list)
		has := slices.ContainsFunc(list, func(f *journal.Session) bool { return f.ID == s.ID })
		if !has && len(list) < journal.MaxFound && !q.Live {
			t.Fatalf("%s: a session that is there is not found, among %d", kind, len(list))
		}
	}
	return times, found
}
