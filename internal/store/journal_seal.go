package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
)

// sealedSession is sessions.sealed as rows from before schema version 8 have it.
type sealedSession struct {
	Key       string
	Epoch     uint64
	Given     identity.Given
	Basis     *identity.Basis
	Detail    journal.Detail
	Addresses []journal.Address
	BeganTold bool
	Opened    string
	Interim   bool
	Told      time.Time
	Stopped   time.Time
	Bound     time.Time
	BoundBy   journal.Ending
	Duration  time.Duration
	Traffic   journal.Traffic
	Cause     uint32
}

// A session's sealed column is
//
//	layout (1) | each field in turn: numbers and times as varints, text and addresses behind their length
//
// for every record has its session read and written, and JSON was a fifth of what
// that cost; only the Basis, which few have, is. Another field makes another layout.
const sessionLayout = 1

var errLayout = errors.New("a session's sealed column has an unknown layout")

// sealSession is what s has beside its columns.
func sealSession(s *journal.Session) []byte {
	b := append(make([]byte, 0, 512), sessionLayout)
	text := func(texts ...string) {
		for _, t := range texts {
			b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
		}
	}
	number := func(numbers ...uint64) {
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
	}
	at := func(times ...time.Time) {
		for _, t := range times {
			b = binary.AppendVarint(b, micros(t))
		}
	}
	binaryOf := func(v interface{ AppendBinary([]byte) ([]byte, error) }) {
		var room [64]byte
		short, _ := v.AppendBinary(room[:0]) // never fails
		b = append(binary.AppendUvarint(b, uint64(len(short))), short...)
	}
	flag := func(is bool) uint64 {
		if is {
			return 1
		}
		return 0
	}
	d, basis := &s.Detail, []byte(nil)
	if s.Basis != nil {
		basis, _ = json.Marshal(s.Basis) // of text and numbers: never fails
	}
	text(string(basis), s.Key, s.Opened, d.Name, d.Device, d.Station, d.SSID, d.School, d.Port, d.Multi, d.SignIn, d.NASIdentifier)
	binaryOf(d.Peer)
	binaryOf(d.NASAddr)
	number(s.Epoch, s.Given.Mark, flag(s.BeganTold), flag(s.Interim), uint64(s.BoundBy), uint64(s.Duration), uint64(s.Cause),
		s.Traffic.InOctets, s.Traffic.OutOctets, uint64(s.Traffic.InPackets), uint64(s.Traffic.OutPackets), uint64(len(s.Addresses)))
	at(s.Given.At, s.Given.Until, s.Told, s.Stopped, s.Bound)
	for _, a := range s.Addresses {
		binaryOf(a.Prefix)
		at(a.First, a.Last)
	}
	return b
}

// openSession undoes sealSession.
func openSession(plain []byte, s *journal.Session) error {
	if len(plain) > 0 && plain[0] == '{' {
		return openOldSession(plain, s)
	}
	if len(plain) == 0 || plain[0] != sessionLayout {
		return errLayout
	}
	f := fields{rest: plain[1:]}
	d := &s.Detail
	if basis := f.short(); len(basis) > 0 && json.Unmarshal(basis, &s.Basis) != nil {
		return errLayout
	}
	for _, t := range []*string{&s.Key, &s.Opened, &d.Name, &d.Device, &d.Station, &d.SSID, &d.School, &d.Port, &d.Multi, &d.SignIn, &d.NASIdentifier} {
		*t = f.string()
	}
	f.binary(&d.Peer)
	f.binary(&d.NASAddr)
	s.Epoch, s.Given.Mark, s.BeganTold, s.Interim = f.number(), f.number(), f.number() == 1, f.number() == 1
	s.BoundBy, s.Duration, s.Cause = journal.Ending(f.number()), time.Duration(f.number()), uint32(f.number())
	s.Traffic = journal.Traffic{InOctets: f.number(), OutOctets: f.number(), InPackets: uint32(f.number()), OutPackets: uint32(f.number())}
	addresses := f.number()
	for _, t := range []*time.Time{&s.Given.At, &s.Given.Until, &s.Told, &s.Stopped, &s.Bound} {
		*t = f.at()
	}
	if addresses > uint64(len(f.rest)) { // each takes more than a byte
		return errLayout
	}
	if addresses > 0 {
		s.Addresses = make([]journal.Address, addresses)
	}
	for i := range s.Addresses {
		f.binary(&s.Addresses[i].Prefix)
		s.Addresses[i].First, s.Addresses[i].Last = f.at(), f.at()
	}
	if f.bad {
		return errLayout
	}
	return nil
}

func openOldSession(plain []byte, s *journal.Session) error {
	var in sealedSession
	if err := json.Unmarshal(plain, &in); err != nil {
		return err
	}
	s.Key, s.Epoch, s.Given, s.Basis, s.Detail, s.Addresses, s.BeganTold, s.Interim, s.Told = in.Key, in.Epoch, in.Given, in.Basis, in.Detail, in.Addresses, in.BeganTold, in.Interim, in.Told
	s.Opened, s.Stopped, s.Bound, s.BoundBy, s.Duration, s.Traffic, s.Cause = in.Opened, in.Stopped, in.Bound, in.BoundBy, in.Duration, in.Traffic, in.Cause
	return nil
}

// fields reads one after the other; bad says that one was not there.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	f.skip(n)
	return v
}

func (f *fields) at() time.Time {
	v, n := binary.Varint(f.rest)
	f.skip(n)
	return moment(v)
}

func (f *fields) skip(n int) {
	if n <= 0 {
		f.bad, f.rest = true, nil
		return
	}
	f.rest = f.rest[n:]
}

func (f *fields) string() string { return string(f.short()) }

// short is what stands behind its length.
func (f *fields) short() []byte {
	n := f.number()
	if n > uint64(len(f.rest)) {
		f.bad, n = true, 0
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

// binary reads a netip.Addr or a netip.Prefix.
func (f *fields) binary(v interface{ UnmarshalBinary([]byte) error }) {
	if v.UnmarshalBinary(f.short()) != nil {
		f.bad = true
	}
}
