package store

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	exports "schoolbridge/provision/registry"
)

// Registry takes what registry import found.
type Registry struct {
	db  *DB
	run int64 // names the import; 0: none has begun
}

// Registry gives the registries for import.
func (db *DB) Registry() *Registry { return &Registry{db: db} }

// importCounter has the name of the import that began last.
const importCounter = "import"

// Begin implements registry.Records. The name is random: numbers that are counted come
// twice where a failover takes history back.
func (r *Registry) Begin(ctx context.Context) error {
	run := 1 + rand.Int64N(math.MaxInt64)
	err := r.db.write(ctx, func(t *tx) error {
		return t.exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", importCounter, run)
	})
	if err != nil {
		return fmt.Errorf("begin an import: %w", err)
	}
	r.run = run
	return nil
}

// alone refuses an import after which another one has begun.
func (r *Registry) alone(t *tx) error {
	if r.run == 0 {
		return nil
	}
	var last int64
	if err := t.row("SELECT value FROM counters WHERE name = ?", importCounter).Scan(&last); err != nil && !isNoRows(err) {
		return err
	}
	if last != r.run {
		return exports.ErrOther
	}
	return nil
}

// Row and Chunk are what an import hands over; importing the nouns of
// provision/registry is the one exception to the store's knowing no room.
type (
	Row   = exports.Row
	Chunk = exports.Chunk
)

var _ exports.Records = (*Registry)(nil)

// Digests gives the key and digest of every live row of a registry (kind
// zero: schools), in one snapshot.
func (r *Registry) Digests(ctx context.Context, kind person.RecordKind, f func(key string, digest []byte) error) error {
	k, err := registryOf(kind)
	if err != nil {
		return err
	}
	if err := r.db.read(ctx, func(t *tx) error { return t.digests(k, f) }); err != nil {
		return fmt.Errorf("read digests of %s: %w", k.table, err)
	}
	return nil
}

// Apply stores a chunk in one transaction and tells the feed of everybody
// whom it concerns. Rows that are there are replaced, so it is safe to repeat.
func (r *Registry) Apply(ctx context.Context, c Chunk) error {
	k, err := registryOf(c.Kind)
	if err != nil {
		return err
	}
	if len(c.Gone) > 0 && c.Day.IsZero() {
		return fmt.Errorf("store %s: rows are gone since no day", k.table)
	}
	records, err := r.encodeAll(ctx, k, c.Rows)
	if err != nil {
		return fmt.Errorf("store %s: %w", k.table, err)
	}
	gone := make([]string, len(c.Gone))
	for i, key := range c.Gone {
		if gone[i], err = r.db.keys.storedKey(c.Kind, key); err != nil {
			return fmt.Errorf("store %s: %w", k.table, err)
		}
	}
	err = r.db.write(ctx, func(t *tx) error {
		t.many = true
		if err := r.alone(t); err != nil {
			return err
		}
		if err := t.put(k, records); err != nil {
			return err
		}
		if err := t.end(k, gone, c.Day); err != nil || len(records)+len(gone) == 0 {
			return err
		}
		// Here, not when the import is over: one that was killed has changed
		// what it has changed.
		return t.auditJSON(r.db.now(), "import_chunk", identity.PersonID{}, map[string]any{"registry": k.table, "rows": len(records), "gone": len(gone)})
	})
	if err != nil {
		return fmt.Errorf("store %s: %w", k.table, err)
	}
	return nil
}

func registryOf(kind person.RecordKind) (*registry, error) {
	if k := registries[kind]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("%d is no kind of record", kind)
}

const (
	inList     = 400 // keys in one IN list
	lookupRows = 64  // lookups in one INSERT
)

// encodeAll seals the rows on all processors: it costs more than the inserts.
func (r *Registry) encodeAll(ctx context.Context, kind *registry, rows []Row) ([]record, error) {
	records := make([]record, len(rows))
	workers := runtime.GOMAXPROCS(0)
	share := (len(rows) + workers - 1) / workers
	group, _ := errgroup.WithContext(ctx)
	for start := 0; start < len(rows); start += share {
		group.Go(func() error {
			for i := start; i < min(start+share, len(rows)); i++ {
				var err error
				if records[i], err = r.db.keys.encode(kind, rows[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return records, group.Wait()
}

// put stores the records and tells the feed of everybody whom they concern.
func (t *tx) put(kind *registry, records []record) error {
	if len(records) == 0 {
		return nil
	}
	keys := make([]string, len(records))
	for i := range records {
		keys[i] = records[i].key
	}
	if kind.kind == schools {
		if err := t.touchSchools(keys); err != nil {
			return err
		}
	} else if err := t.touchBound(kind.kind, keys); err != nil {
		return err
	}
	if err := t.dropLookups(kind, keys); err != nil {
		return err
	}
	for _, r := range records {
		args := append([]any{r.key, r.digest, r.sealed}, r.clear...)
		if err := t.exec(kind.upsert, args...); err != nil {
			return err
		}
	}
	if err := t.putLookups(kind.kind, records); err != nil {
		return err
	}
	if err := t.rematchBound(kind.kind, closedKeys(kind.kind, records)); err != nil {
		return err
	}
	return t.askRematch(kind.kind, fioRows(records))
}

func (t *tx) putLookups(kind person.RecordKind, records []record) error {
	type row struct {
		key string
		keyedLookup
	}
	var rows []row
	for _, r := range records {
		for _, l := range r.found {
			rows = append(rows, row{r.key, l})
		}
	}
	// In the index's order: neighbours share pages.
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.digest, b.digest) })
	return batches(rows, lookupRows, func(rows []row) error {
		query := "INSERT INTO lookups (kind, version, digest, record_kind, record_key) VALUES " +
			strings.TrimSuffix(strings.Repeat("(?,?,?,?,?),", len(rows)), ",") + " ON CONFLICT DO NOTHING"
		args := make([]any, 0, 5*len(rows))
		for _, r := range rows {
			args = append(args, int64(r.domain), int64(r.version), r.digest, int64(kind), r.key)
		}
		return t.exec(query, args...)
	})
}

// dropLookups removes what the rows that are there already are found by.
func (t *tx) dropLookups(kind *registry, keys []string) error {
	type old struct {
		key    string
		sealed []byte
	}
	return batches(keys, inList, func(keys []string) error {
		var rows []old
		err := t.each("SELECT key, sealed FROM "+kind.table+" WHERE key IN ("+marks(len(keys))+")", anys(keys),
			func(scan func(...any) error) error {
				var o old
				err := scan(&o.key, &o.sealed)
				rows = append(rows, o)
				return err
			})
		if err != nil {
			return err
		}
		for _, o := range rows {
			value, err := t.db.keys.decode(kind.kind, o.key, o.sealed)
			if err != nil {
				return err
			}
			for _, l := range lookupsOf(value) {
				digests, err := t.db.keys.every(l.domain, l.text)
				if err != nil {
					return err
				}
				for _, d := range digests {
					err := t.exec("DELETE FROM lookups WHERE digest = ? AND kind = ? AND version = ? AND record_kind = ? AND record_key = ?",
						d.digest, int64(l.domain), d.version, kind.kind, o.key)
					if err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// end marks records as no longer in their registry.
func (t *tx) end(kind *registry, keys []string, day person.Date) error {
	if kind.kind == schools {
		if err := t.touchSchools(keys); err != nil {
			return err
		}
	} else if err := t.touchBound(kind.kind, keys); err != nil {
		return err
	}
	if err := t.rematchBound(kind.kind, keys); err != nil {
		return err
	}
	return batches(keys, inList, func(keys []string) error {
		// The digest goes too: should the row come back as it was, it is new.
		args := append([]any{day.String(), []byte{}}, anys(keys)...)
		return t.exec("UPDATE "+kind.table+" SET gone = ?, digest = ? WHERE gone = '' AND key IN ("+marks(len(keys))+")", args...)
	})
}

// touchBound tells the feed of the people bound to the records, or to
// enrolments that were merged into them.
func (t *tx) touchBound(kind person.RecordKind, keys []string) error {
	if kind == person.RecordCard || kind == person.RecordSignIns {
		return nil // the directory shows nothing of them
	}
	seen := map[string]bool{}
	for range mergeHops + 1 {
		var next []string
		err := batches(keys, inList, func(keys []string) error {
			err := t.each("SELECT person FROM bindings WHERE kind = ? AND key IN ("+marks(len(keys))+")",
				append([]any{kind}, anys(keys)...), func(scan func(...any) error) error {
					var id []byte
					err := scan(&id)
					t.touch(personID(id))
					return err
				})
			if err != nil || kind != person.RecordEnrolment {
				return err
			}
			return t.each("SELECT key FROM enrolments WHERE merged_to <> '' AND merged_to IN ("+marks(len(keys))+")", anys(keys),
				func(scan func(...any) error) error {
					var key string
					err := scan(&key)
					if !seen[key] {
						seen[key] = true
						next = append(next, key)
					}
					return err
				})
		})
		if err != nil || len(next) == 0 {
			return err
		}
		keys = next
	}
	return nil
}

// touchSchools tells the feed of schools, and of everybody there: a person is
// shown with the name of the school and has a place by its district. That reads
// through all records, which is worth it a few times a year.
func (t *tx) touchSchools(keys []string) error {
	t.schools = t.schools || len(keys) > 0
	return batches(keys, inList, func(keys []string) error {
		in := " WHERE school IN (" + marks(len(keys)) + ")"
		if err := t.touchFound(person.RecordEmployment, "SELECT key FROM employments"+in, anys(keys)...); err != nil {
			return err
		}
		return t.touchFound(person.RecordEnrolment, "SELECT key FROM enrolments"+in, anys(keys)...)
	})
}

// touchFound tells the feed of the people bound to the records that a query
// finds.
func (t *tx) touchFound(kind person.RecordKind, query string, args ...any) error {
	var keys []string
	err := t.each(query, args, func(scan func(...any) error) error {
		var key string
		err := scan(&key)
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return err
	}
	return t.touchBound(kind, keys)
}

// digests gives what import stored with each live row of a registry.
func (t *tx) digests(kind *registry, f func(key string, digest []byte) error) error {
	return t.each("SELECT key, digest FROM "+kind.table+" WHERE gone = '' ORDER BY key", nil, func(scan func(...any) error) error {
		var key string
		var sealed []byte
		if err := scan(&key, &sealed); err != nil {
			return err
		}
		var mark sealedMark
		if err := t.db.keys.openJSON(kind.table, key, "digest", sealed, &mark); err != nil {
			return err
		}
		return f(mark.Key, mark.Digest)
	})
}

func anys[T any](values []T) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}
