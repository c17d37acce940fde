package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"schoolbridge/internal/person"
	exports "schoolbridge/provision/registry"
)

// registry is how one kind of record is stored: a few columns in clear for
// the gates, the row itself sealed.
type registry struct {
	kind   person.RecordKind
	table  string
	upsert string
}

// schools is the kind of the registry that has no records of people.
const schools person.RecordKind = 0

var registries = map[person.RecordKind]*registry{
	schools: {
		kind: schools, table: "schools",
		upsert: `INSERT INTO schools (key, digest, sealed, gone, nsi, name, founder, district) VALUES (?, ?, ?, '', ?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, gone = '', nsi = excluded.nsi,
			name = excluded.name, founder = excluded.founder, district = excluded.district`,
	},
	person.RecordEmployment: {
		kind: person.RecordEmployment, table: "employments",
		upsert: `INSERT INTO employments (key, digest, sealed, stem, school, gone, starts, ends) VALUES (?, ?, ?, ?, ?, '', ?, ?)
			ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, stem = excluded.stem, school = excluded.school, gone = '',
			starts = excluded.starts, ends = excluded.ends`,
	},
	person.RecordEnrolment: {
		kind: person.RecordEnrolment, table: "enrolments",
		upsert: `INSERT INTO enrolments (key, digest, sealed, stem, school, gone, class, status, merged_to) VALUES (?, ?, ?, ?, ?, '', ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, stem = excluded.stem, school = excluded.school, gone = '',
			class = excluded.class, status = excluded.status, merged_to = excluded.merged_to`,
	},
	person.RecordCard: {
		kind: person.RecordCard, table: "cards",
		upsert: `INSERT INTO cards (key, digest, sealed, stem, school, gone, child) VALUES (?, ?, ?, ?, ?, '', ?)
			ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, stem = excluded.stem, school = excluded.school, gone = '',
			child = excluded.child`,
	},
	person.RecordSignIns: {
		kind: person.RecordSignIns, table: "ezhd_logins",
		upsert: `INSERT INTO ezhd_logins (key, digest, sealed, school, gone, logins, last) VALUES (?, ?, ?, ?, '', ?, ?)
			ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, school = excluded.school, gone = '',
			logins = excluded.logins, last = excluded.last`,
	},
}

// holds says whether a value is a row of this registry.
func (r *registry) holds(value any) bool {
	var kind person.RecordKind
	switch value.(type) {
	case person.School:
		kind = schools
	case person.Employment:
		kind = person.RecordEmployment
	case person.Enrolment:
		kind = person.RecordEnrolment
	case person.Card:
		kind = person.RecordCard
	case exports.LoginRow:
		kind = person.RecordSignIns
	default:
		return false
	}
	return kind == r.kind
}

// record is one row of any registry on its way in or out.
type record struct {
	key    string
	digest []byte // sealed
	sealed []byte
	clear  []any // the stem of people, school, then the kind's own columns
	found  []keyedLookup
}

// storedKey is the key of a row in its table. Employments and enrolments have
// an id of their own. A card's row is told apart by its parent and one of sign-ins
// by its login, who must not lie in clear; their keys are digests under the oldest
// lookup key, so that the row is found again after a rotation.
func (k *Keyset) storedKey(kind person.RecordKind, key string) (string, error) {
	d := domainCard
	switch kind {
	case person.RecordCard:
	case person.RecordSignIns:
		d = domainSignIns
	default:
		return key, nil
	}
	digest, err := k.digest(k.oldest, d, key)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(digest[:16]), nil
}

// sealedMark is what import asks back with each row.
type sealedMark struct {
	Key    string
	Digest []byte
}

// lookup is one value that a record can be found by.
type lookup struct {
	domain domain
	text   string
}

type keyedLookup struct {
	domain domain
	keyed
}

// lookupsOf gives the normal forms that a record is found by. They are
// computed again from the old row when a row changes, so that no second index
// from rows to lookups is needed; one that outlives a change of the rules
// only offers a candidate too many, and match decides.
func lookupsOf(value any) []lookup {
	switch r := value.(type) {
	case person.Employment:
		return append(contacts(r.Phone, r.Email), identifiers(wholeFIO(r.FIO), r.SNILS, r.EZHDLogin)...)
	case person.Enrolment:
		return append(contacts(r.Phone, r.Email), identifiers(fioKey(r.Last, r.First, r.Middle), r.SNILS, r.EZHDLogin)...)
	case person.Card:
		return append(contacts(r.Phone, r.Email), identifiers(wholeFIO(r.ParentFIO), r.ParentSNILS, "")...)
	}
	return nil
}

func (k *Keyset) keyedLookups(all []lookup) ([]keyedLookup, error) {
	list := make([]keyedLookup, 0, len(all))
	for _, l := range all {
		d, err := k.current(l.domain, l.text)
		if err != nil {
			return nil, err
		}
		list = append(list, keyedLookup{l.domain, d})
	}
	return list, nil
}

// clearColumns are the columns that gates read, in the upsert's order.
func clearColumns(value any) []any {
	switch r := value.(type) {
	case person.Employment:
		return []any{string(r.School), r.Start.String(), r.End.String()}
	case person.Enrolment:
		return []any{string(r.School), r.Class, strings.ToLower(strings.TrimSpace(r.Status)), string(r.MergedTo)}
	case person.Card:
		return []any{string(r.School), string(r.Child)}
	case exports.LoginRow:
		return []any{string(r.School), r.Logins, r.Last.String()}
	case person.School:
		return []any{r.NSI, r.Name, r.Founder, r.District}
	}
	return nil
}

// encode seals a record for its table.
func (k *Keyset) encode(kind *registry, in Row) (record, error) {
	r := record{clear: clearColumns(in.Record)}
	if !kind.holds(in.Record) {
		return r, fmt.Errorf("a row of %s cannot be a %T", kind.table, in.Record)
	}
	var err error
	if kind.ofPeople() {
		stem, err := k.stem(k.lookup.PrimaryID, fioOf(in.Record))
		if err != nil {
			return r, err
		}
		r.clear = append([]any{stem}, r.clear...)
	}
	if r.key, err = k.storedKey(kind.kind, in.Key); err != nil {
		return r, err
	}
	if r.sealed, err = k.sealJSON(kind.table, r.key, "sealed", in.Record); err != nil {
		return r, err
	}
	// The digest is over names and numbers: in clear it could be guessed.
	if r.digest, err = k.sealJSON(kind.table, r.key, "digest", sealedMark{in.Key, in.Digest}); err != nil {
		return r, err
	}
	r.found, err = k.keyedLookups(lookupsOf(in.Record))
	return r, err
}

// decode opens a record's sealed column.
func (k *Keyset) decode(kind person.RecordKind, key string, sealed []byte) (any, error) {
	text, err := k.open(registries[kind].table, key, "sealed", sealed)
	if err != nil {
		return nil, err
	}
	switch kind {
	case schools:
		var r person.School
		err = json.Unmarshal(text, &r)
		return r, err
	case person.RecordEmployment:
		return readRow(text, employmentField)
	case person.RecordEnrolment:
		return readRow(text, enrolmentField)
	case person.RecordCard:
		return readRow(text, cardField)
	case person.RecordSignIns:
		var r exports.LoginRow
		err = json.Unmarshal(text, &r)
		return r, err
	}
	return nil, fmt.Errorf("%d is no kind of record", kind)
}
