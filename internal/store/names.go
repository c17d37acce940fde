package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
)

// Names keeps which names targets have or had beside those of people here: in
// Active Directory, its Deleted Objects, or an imported list. They are never
// forgotten.
type Names struct{ db *DB }

// Names gives the names of targets.
func (db *DB) Names() *Names { return &Names{db} }

// namesChunk bounds the names of one transaction.
const namesChunk = 1000

// Record keeps names of a target, sAMAccountNames and first parts of UPNs. A name
// that was deleted or listed once stays so, whatever is live under it later.
func (n *Names) Record(ctx context.Context, target string, source provision.NameSource, names []string) error {
	for some := range slices.Chunk(names, namesChunk) {
		err := n.db.write(ctx, func(t *tx) error {
			for _, name := range some {
				if err := t.recordName(target, source, name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("record names of a target: %w", err)
		}
	}
	return nil
}

func (t *tx) recordName(target string, source provision.NameSource, name string) error {
	folded := person.FoldName(name)
	if folded == "" {
		return nil
	}
	digest, err := t.db.keys.current(domainName, folded)
	if err != nil {
		return err
	}
	look, err := t.db.keys.current(domainLook, login.Look(name))
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO known_names (target, digest, look, source) VALUES (?, ?, ?, ?)
		ON CONFLICT (target, digest) DO UPDATE SET source = excluded.source WHERE excluded.source > known_names.source`, target, digest.digest, look.digest, source)
}

// Taken implements provision.Store.
func (a *Accounts) Taken(ctx context.Context, q provision.NameQuery) ([]string, error) {
	var taken []string
	err := a.db.read(ctx, func(t *tx) (err error) {
		taken, err = t.taken(q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find names that are taken: %w", err)
	}
	return taken, nil
}

func (t *tx) taken(q provision.NameQuery) ([]string, error) {
	var list []string
	own, err := t.personBySubject(q.Subject)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	for _, name := range q.Given {
		had, err := t.hadName(q.Target, own, name)
		if err != nil {
			return nil, err
		}
		if had {
			list = append(list, name)
		}
	}
	rows, err := t.boundTo(own)
	if err != nil {
		return nil, err
	}
	for _, name := range q.Made {
		_, held, err := t.alike(q.Target, own, name)
		if err == nil && !held {
			_, held, err = t.elsewhere(own, name, q.Subject, slices.Concat(rows, q.Rows))
		}
		if err != nil {
			return nil, err
		}
		if held {
			list = append(list, name)
		}
	}
	return list, nil
}

// Listed implements provision.Store.
func (a *Accounts) Listed(ctx context.Context, target string, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var listed []string
	err := a.db.read(ctx, func(t *tx) error {
		listed = nil
		for _, name := range names {
			digests, err := t.db.keys.every(domainName, person.FoldName(name))
			if err != nil {
				return err
			}
			var n int
			args := append([]any{target, provision.NameListed}, bytesOf(digests)...)
			if err := t.row("SELECT COUNT(*) FROM known_names WHERE target = ? AND source = ? AND digest IN ("+marks(len(digests))+")", args...).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				listed = append(listed, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find names that a list has: %w", err)
	}
	return listed, nil
}

// hadName says that a target is recorded to have had a name which is none of
// the person's.
func (t *tx) hadName(target string, own identity.PersonID, name string) (bool, error) {
	digests, err := t.db.keys.every(domainName, person.FoldName(name))
	if err != nil {
		return false, err
	}
	args := append([]any{target}, bytesOf(digests)...)
	var n int
	err = t.row("SELECT COUNT(*) FROM known_names k WHERE k.target = ? AND k.digest IN ("+marks(len(digests))+`) AND k.source <> ?
		AND NOT EXISTS (SELECT 1 FROM names n WHERE n.digest = k.digest AND n.person = ?)`,
		append(args, provision.NameLive, own[:])...).Scan(&n)
	return n > 0, err
}

// alike finds whether anybody but the person has or had a name that looks like
// this one; the zero holder is nobody here.
func (t *tx) alike(target string, own identity.PersonID, name string) (holder identity.PersonID, held bool, err error) {
	looks, err := t.db.keys.every(domainLook, login.Look(name))
	if err != nil {
		return holder, false, err
	}
	in := "look IN (" + marks(len(looks)) + ")"
	var id []byte
	err = t.row("SELECT person FROM names WHERE "+in+" AND person <> ? LIMIT 1", append(bytesOf(looks), own[:])...).Scan(&id)
	if err == nil {
		return personID(id), true, nil
	}
	if !isNoRows(err) {
		return holder, false, err
	}
	var n int
	err = t.row("SELECT COUNT(*) FROM known_names k WHERE k.target = ? AND k."+in+
		" AND NOT EXISTS (SELECT 1 FROM names n WHERE n.digest = k.digest AND n.person = ?)",
		append(append([]any{target}, bytesOf(looks)...), own[:])...).Scan(&n)
	return holder, n > 0, err
}

func bytesOf(digests []keyed) []any {
	list := make([]any, 0, len(digests))
	for _, d := range digests {
		list = append(list, d.digest)
	}
	return list
}

// giveMade marks a name of the person as made here, after it was found to look
// like nobody's and to be nobody's login at mos.ru or in the ЭЖД: of two at the same
// moment the store takes one. own are rows of the person's beside those bound.
func (t *tx) giveMade(id identity.PersonID, want *person.TargetAccount, own []person.RecordRef) (bool, error) {
	name := person.Name{Kind: person.NameAD, Text: want.Name}
	holder, held, err := t.alike(want.Target, id, want.Name)
	if err == nil && !held {
		holder, held, err = t.elsewhereThan(id, want.Name, own)
	}
	if err != nil {
		return false, err
	}
	if held {
		return false, &Conflict{Name: name, Holder: holder}
	}
	more, err := t.giveName(id, name)
	if err != nil || !more {
		return false, err
	}
	digests, err := t.db.keys.every(domainName, person.FoldName(want.Name))
	if err != nil {
		return false, err
	}
	return true, t.exec("UPDATE names SET made = 1 WHERE person = ? AND digest IN ("+marks(len(digests))+")",
		append([]any{id[:]}, bytesOf(digests)...)...)
}

// lookless are names whose look is not known and can be told.
const lookless = "look IS NULL AND length(sealed) > 0"

// fillLooks fills in, at the start, what the names look like that a version wrote
// which did not know of it: after an upgrade all of them, a chunk at a time.
func (db *DB) fillLooks(ctx context.Context) error {
	all := 0
	for {
		var one int
		err := db.read(ctx, func(t *tx) error { return t.row("SELECT 1 FROM names WHERE " + lookless + " LIMIT 1").Scan(&one) })
		if isNoRows(err) {
			break
		}
		if err == nil {
			err = db.write(ctx, func(t *tx) error { one, err = t.fillLooks(); return err })
		}
		if err != nil {
			return fmt.Errorf("fill in what names look like: %w", err)
		}
		all += one
	}
	if all > 0 {
		db.log.Info("what names look like is filled in", "names", all)
	}
	return nil
}

func (t *tx) fillLooks() (int, error) {
	type name struct {
		digest, sealed []byte
		version        uint32
	}
	var list []name
	err := t.each("SELECT digest, version, sealed FROM names WHERE "+lookless+" LIMIT ?", []any{namesChunk}, func(scan func(...any) error) error {
		var n name
		err := scan(&n.digest, &n.version, &n.sealed)
		list = append(list, n)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, n := range list {
		text, err := t.db.keys.open("names", nameKey(n.digest), "sealed", n.sealed)
		if err != nil {
			return 0, err
		}
		look, err := t.db.keys.current(domainLook, login.Look(string(text)))
		if err != nil {
			return 0, err
		}
		if err := t.exec("UPDATE names SET look = ? WHERE digest = ? AND version = ?", look.digest, n.digest, n.version); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}
