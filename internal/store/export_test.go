package store

import (
	"errors"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// SessionRow gives the row of a session that ended, in the order of SessionColumns, as
// save writes it.
func (k *Keyset) SessionRow(s *journal.Session, deadline int64) ([]any, error) {
	sealed, err := k.seal("sessions", s.ID.String(), "sealed", sealSession(s))
	if err != nil {
		return nil, err
	}
	key, err := k.current(domainSession, sessionKey(s.NAS, s.Unit, s.Key))
	if err != nil {
		return nil, err
	}
	row := []any{s.ID[:], key.digest, nil, nil, s.NAS, s.Unit, s.Person[:], micros(s.Began), micros(s.Heard()), micros(s.Stopped), deadline, micros(s.Ended), int64(s.Ending), sealed, deadline}
	for i, of := range []struct {
		d    domain
		text string
	}{{domainDevice, s.Detail.Device}, {domainName, person.FoldName(s.Detail.Name)}} {
		if of.text == "" {
			continue
		}
		d, err := k.current(of.d, of.text)
		if err != nil {
			return nil, err
		}
		row[2+i] = d.digest
	}
	return row, nil
}

// SessionColumns and AddressColumns are what SessionRow and AddressRow give.
var (
	SessionColumns = []string{"id", "key_digest", "device_digest", "name_digest", "nas", "unit", "person", "began", "heard", "stopped", "deadline", "ended", "ending", "sealed", "due"}
	AddressColumns = []string{"digest", "session", "began", "long", "until"}
)

// AddressRow gives the row of one address of a session that ended.
func (k *Keyset) AddressRow(s *journal.Session, i int) ([]any, error) {
	d, err := k.current(domainAddress, s.Addresses[i].Prefix.String())
	return []any{d.digest, s.ID[:], micros(s.Began), int64(long(s, 0)), until(s)}, err
}

// AccountTables are what somebody with an account has a row in, with their columns; of
// lookups several.
var AccountTables = []struct {
	Name    string
	Columns []string
}{
	{"employments", []string{"key", "digest", "sealed", "gone", "stem", "school", "starts", "ends"}},
	{"lookups", []string{"kind", "version", "digest", "record_kind", "record_key"}},
	{"people", []string{"id", "subject_version", "subject_digest", "epoch", "epoch_at", "state", "upstream", "upstream_at", "created", "modified", "seq", "sealed"}},
	{"bindings", []string{"kind", "key", "parent_digest", "parent_version", "person", "at"}},
	{"names", []string{"digest", "version", "person", "kind", "sealed", "look"}},
	{"accounts", []string{"person", "uid_number", "gid_number", "uuid", "created", "sealed"}},
	{"verifiers", []string{"person", "epoch", "learnt", "sealed"}},
}

// AccountRows gives those rows, in the order of AccountTables, as an import, an
// activation and a first sign-in leave them.
func (k *Keyset) AccountRows(id identity.PersonID, uid int64, p person.Profile, e person.Employment, nt []byte, now time.Time) (rows [][][]any, err error) {
	r, err := k.encode(registries[person.RecordEmployment], Row{Key: string(e.ID), Digest: []byte(e.ID), Record: e})
	if err != nil {
		return nil, err
	}
	var found [][]any
	for _, l := range r.found {
		found = append(found, []any{int64(l.domain), int64(l.version), l.digest, int64(person.RecordEmployment), r.key})
	}
	subject, err1 := k.current(domainSubject, string(p.Subject))
	profile, err2 := k.sealJSON("people", id.String(), "sealed", sealProfile(p, now))
	name, err3 := k.current(domainName, person.FoldName(p.Login))
	look, err4 := k.current(domainLook, login.Look(p.Login))
	sealed, err5 := k.seal("names", nameKey(name.digest), "sealed", []byte(p.Login))
	account, err6 := k.seal("accounts", id.String(), "sealed", []byte(p.Login))
	verifier, err7 := k.sealJSON("verifiers", id.String(), "sealed", sealedVerifier{NT: nt})
	uuid, at := randomUUID(), micros(now)
	return [][][]any{
		{append([]any{r.key, r.digest, r.sealed, ""}, r.clear...)},
		found,
		{{id[:], int64(subject.version), subject.digest, int64(1), int64(0), int64(directory.StateActive), int64(upstreamOpen), at, at, at, int64(0), profile}},
		{{int64(person.RecordEmployment), r.key, []byte{}, int64(0), id[:], at}},
		{{name.digest, int64(name.version), id[:], int64(person.NameMosru), sealed, look.digest}},
		{{id[:], uid, uid, uuid[:], at, account}},
		{{id[:], int64(1), at, verifier}},
	}, errors.Join(err1, err2, err3, err4, err5, err6, err7)
}
