package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Who looks for somebody types the beginning of a surname. A row is found by the
// first letters of it, as one of few numbers: many surnames share one, so that
// whoever has a stolen file learns little, and the rows of a number are opened and
// compared.
const (
	stemLetters = 4
	stemNumbers = 1 << 12
)

// ofPeople says that the rows are people's, and have a stem.
func (r *registry) ofPeople() bool {
	return r.kind == person.RecordEmployment || r.kind == person.RecordEnrolment || r.kind == person.RecordCard
}

// stem is the number of a ФИО in its normal form, under a version of the keys.
func (k *Keyset) stem(version uint32, fio string) (int64, error) {
	letters := []rune(fio)
	for i, r := range letters {
		if r == ' ' || i == stemLetters {
			letters = letters[:i]
			break
		}
	}
	digest, err := k.digest(version, domainStem, string(letters))
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(digest) % stemNumbers), nil
}

// stems are the numbers under which rows may have been stored, each once.
func (k *Keyset) stems(fio string) ([]int64, error) {
	var all []int64
	have := map[int64]bool{}
	for _, version := range k.versions {
		stem, err := k.stem(version, fio)
		if err != nil {
			return nil, err
		}
		if !have[stem] {
			have[stem], all = true, append(all, stem)
		}
	}
	return all, nil
}

// fillStems fills in, at the start, the stems of rows that a version wrote which did
// not know of them.
func (db *DB) fillStems(ctx context.Context) error {
	all := 0
	for kind, k := range registries {
		if !k.ofPeople() {
			continue
		}
		for n := namesChunk; n == namesChunk; all += n {
			err := db.write(ctx, func(t *tx) (err error) {
				n, err = t.fillStems(kind)
				return err
			})
			if err != nil {
				return fmt.Errorf("fill in how surnames of %s begin: %w", k.table, err)
			}
		}
	}
	if all > 0 {
		db.log.Info("how surnames begin is filled in", "rows", all)
	}
	return nil
}

func (t *tx) fillStems(kind person.RecordKind) (int, error) {
	table := registries[kind].table
	var page []surveyed
	err := t.each("SELECT key, sealed FROM "+table+" WHERE stem IS NULL LIMIT ?", []any{namesChunk}, func(scan func(...any) error) error {
		var r surveyed
		err := scan(&r.row.Key, &r.sealed)
		page = append(page, r)
		return err
	})
	if err == nil {
		err = t.openAll(kind, page)
	}
	if err != nil {
		return 0, err
	}
	for _, r := range page {
		stem, err := t.db.keys.stem(t.db.keys.lookup.PrimaryID, fioOf(r.row.Value))
		if err == nil {
			err = t.exec("UPDATE "+table+" SET stem = ? WHERE key = ?", stem, r.row.Key)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(page), nil
}

// putTryRecords notes of which records a try speaks.
func (t *tx) putTryRecords(try keyed, records []person.RecordRef) error {
	for _, r := range records {
		err := t.exec("INSERT INTO try_records (kind, key, digest, version) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", r.Kind, string(r.ID), try.digest, try.version)
		if err != nil {
			return err
		}
	}
	return nil
}

// tryRecordsFilled is the mark in meta that fillTryRecords was there.
const tryRecordsFilled = "try_records"

// fillTryRecords notes, at the first start of a version that does so, of which
// records the tries speak that were kept before.
func (db *DB) fillTryRecords(ctx context.Context) error {
	err := db.write(ctx, func(t *tx) error {
		if filled, err := t.meta(tryRecordsFilled); err != nil || filled > 0 {
			return err
		}
		var waiting []provision.Try
		if err := t.tries(func(try provision.Try) error { waiting = append(waiting, try); return nil }); err != nil {
			return err
		}
		for _, try := range waiting {
			digests, err := t.db.keys.every(domainSubject, string(try.Subject))
			if err != nil {
				return err
			}
			for _, d := range digests {
				_, its, err := t.tryOf(d)
				if err == nil && its {
					err = t.putTryRecords(d, try.Records)
				}
				if err != nil {
					return err
				}
			}
		}
		return t.setMeta(tryRecordsFilled, 1)
	})
	if err != nil {
		return fmt.Errorf("fill in of which records tries to activate speak: %w", err)
	}
	return nil
}

// TriesAbout gives the tries that speak of a city account or of any of the
// records, for explain.
func (a *Accounts) TriesAbout(ctx context.Context, subject identity.Subject, records []person.RecordRef) ([]provision.Try, error) {
	var list []provision.Try
	err := a.db.read(ctx, func(t *tx) (err error) {
		list, err = t.triesAbout(subject, records)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read tries to activate: %w", err)
	}
	return list, nil
}

func (t *tx) triesAbout(subject identity.Subject, records []person.RecordRef) ([]provision.Try, error) {
	var about []keyed
	if subject != "" {
		var err error
		if about, err = t.db.keys.every(domainSubject, string(subject)); err != nil {
			return nil, err
		}
	}
	for _, r := range records {
		err := t.each("SELECT digest, version FROM try_records WHERE kind = ? AND key = ? LIMIT ?", []any{r.Kind, string(r.ID), foundRows}, func(scan func(...any) error) error {
			var d keyed
			err := scan(&d.digest, &d.version)
			about = append(about, d)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var list []provision.Try
	read := map[string]bool{}
	for _, d := range about {
		if len(list) == foundRows {
			break
		}
		try, ok, err := t.tryOf(d)
		if err != nil {
			return nil, err
		}
		if ok && !read[string(d.digest)] {
			list = append(list, try)
		}
		read[string(d.digest)] = true
	}
	return list, nil
}
