package store

import (
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
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
