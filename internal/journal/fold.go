package journal

import (
	"time"

	"schoolbridge/internal/identity"
)

// Tolerances. A NAS that repeats a record and does not say how long it waited
// tells it late; its clock of a session's length is its own.
const (
	repeated  = 2 * time.Minute  // two Starts within it are one, told twice
	inexact   = 30 * time.Second // between implied and real begin
	reordered = 5 * time.Minute  // an interim record without duration after its Stop
	early     = 24 * time.Hour   // from a Start to the first record of the session that came before it
)

// Fold enters a record of a session into the one of rows that it speaks of,
// rows being all with the same NAS, unit and key. It gives that one, and whether
// anything in it changed; nil where the record begins a session of its own,
// which Begin makes. A key may come again after the NAS began anew (RFC 2866
// section 5.5 asks for unique ones, devices count from 1), after another
// sign-in, and for another person: then there are several.
func Fold(rows []*Session, r *Record) (s *Session, changed bool) {
	s = match(rows, r)
	if s == nil {
		return nil, false
	}
	return s, s.fold(r)
}

// Begin makes a session of its first record. Its ID is the caller's to give.
func Begin(id ID, r *Record) *Session {
	s := &Session{ID: id, NAS: r.NAS, Unit: r.Unit, Key: r.Key, Person: r.Person, Epoch: r.Epoch, Given: r.Given, Basis: r.Basis, Detail: r.Detail, Began: r.began()}
	s.fold(r)
	return s
}

// began is when the record implies that its session began.
func (r *Record) began() time.Time {
	if r.Status == Start {
		return r.At
	}
	return r.At.Add(-r.Duration)
}

func match(rows []*Session, r *Record) *Session {
	var best *Session
	for _, s := range rows {
		if !s.of(r) {
			continue
		}
		if r.Detail.SignIn != "" && s.Opened == r.Detail.SignIn {
			return s
		}
		if !s.spans(r) {
			continue
		}
		if s.knows(r) { // where two would do, a repeated record goes where the first went
			return s
		}
		if best == nil || s.Began.After(best.Began) {
			best = s
		}
	}
	if best != nil {
		return best
	}
	// Of a session whose Start did not come yet, an earlier record may come late.
	for _, s := range rows {
		if !s.of(r) || s.BeganTold {
			continue
		}
		ahead := s.Began.Sub(r.began())
		near := ahead >= -inexact && ahead <= early
		if s.Duration > 0 && (r.Status == Start || r.Duration > 0) { // both know when it began
			near = ahead.Abs() <= repeated
		}
		if near && (best == nil || s.Began.Before(best.Began)) {
			best = s
		}
	}
	return best
}

// of says that the record may be of this session by whom and what it names.
func (s *Session) of(r *Record) bool {
	person := s.Person == r.Person || s.Person.IsZero() || r.Person.IsZero()
	return person && (s.Detail.Device == r.Detail.Device || s.Detail.Device == "" || r.Detail.Device == "")
}

// spans says that the record was made in the session, which one id has at a
// time: not before it began, and not by one that began after its last sign of
// life, where the record knows, or after its Stop. How long a session lasted
// counts for nothing else: devices count it from various moments.
func (s *Session) spans(r *Record) bool {
	began := r.began()
	if r.Status == Start {
		if !s.BeganTold {
			return !began.Before(s.Began) && !began.After(s.Heard())
		}
		other := s.Opened != "" && r.Detail.SignIn != "" && s.Opened != r.Detail.SignIn
		return !other && began.Sub(s.Began).Abs() <= repeated
	}
	if s.Began.After(r.At.Add(inexact)) {
		return false
	}
	if r.Duration > 0 {
		return !began.After(s.Heard().Add(inexact))
	}
	return s.Stopped.IsZero() || !began.After(s.Stopped.Add(reordered))
}

// fold enters what the record tells. Everything kept is a least or a greatest
// of what was told, so that order does not matter.
func (s *Session) fold(r *Record) bool {
	if s.knows(r) {
		return false
	}
	switch began := r.began(); {
	case r.Status == Start && (!s.BeganTold || began.Before(s.Began)):
		s.Began, s.BeganTold, s.Opened = began, true, r.Detail.SignIn
	case !s.BeganTold && began.Before(s.Began):
		s.Began = began
	}
	newest := !r.At.Before(s.Heard())
	switch r.Status {
	case Interim:
		s.Interim = true
		if r.At.After(s.Told) {
			s.Told = r.At
		}
	case Stop:
		s.Stopped, s.Cause = r.At, r.Cause
	}
	if s.Person.IsZero() {
		s.Person = r.Person
	}
	s.Epoch = max(s.Epoch, r.Epoch)
	if in := r.Detail.SignIn; in != "" && in != s.Detail.SignIn && (newest || s.Detail.SignIn == "") {
		s.Given, s.Basis = r.Given, r.Basis // of the same sign-in the first may have been changed since
	}
	s.Detail.take(&r.Detail, newest)
	if s.Person != (identity.PersonID{}) {
		s.Detail.Name = ""
	}
	s.told(r.Addresses, r.At)
	s.Duration = max(s.Duration, r.Duration)
	s.Traffic = s.Traffic.max(r.Traffic)
	return true
}

// knows says that the record repeats what stands there already.
func (s *Session) knows(r *Record) bool {
	switch r.Status {
	case Start:
		return s.BeganTold && !r.At.Before(s.Began)
	case Stop:
		return !s.Stopped.IsZero() && !r.At.Before(s.Stopped)
	case Interim:
		return s.Interim && r.Duration > 0 && r.Duration == s.Duration && s.Traffic == s.Traffic.max(r.Traffic)
	}
	return true
}

// take keeps what is told newly: of a session that goes from one access point
// to the next, the last.
func (d *Detail) take(o *Detail, newest bool) {
	for _, f := range []struct{ mine, told *string }{
		{&d.Name, &o.Name}, {&d.Device, &o.Device}, {&d.Station, &o.Station}, {&d.SSID, &o.SSID}, {&d.School, &o.School}, {&d.Port, &o.Port},
		{&d.Multi, &o.Multi}, {&d.SignIn, &o.SignIn}, {&d.NASIdentifier, &o.NASIdentifier},
	} {
		if *f.told != "" && (newest || *f.mine == "") {
			*f.mine = *f.told
		}
	}
	if o.Peer.IsValid() && (newest || !d.Peer.IsValid()) {
		d.Peer = o.Peer
	}
	if o.NASAddr.IsValid() && (newest || !d.NASAddr.IsValid()) {
		d.NASAddr = o.NASAddr
	}
}
