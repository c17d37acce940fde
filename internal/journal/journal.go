// Package journal knows who was on the Wi-Fi when. It takes what NAS clients
// tell (RFC 2866, RFC 2869), makes sessions of it, keeps those that live in
// memory, and has the NAS end those that should be over and change those that
// are to be given something else (RFC 5176).
//
//	Account ─► bounded queue ─► one transaction for many ─► answers, live sessions
//	              │ full, store down                           │
//	              ▼                                            ├─► Admit: simultaneous use
//	          no answer: the NAS tells again                   └─► Warden: who has to go, who gets other rights
//
// A session is what its records say together, in whatever order they came:
//
//	           Interim, Stop: began = at − duration         Stop
//	(nothing) ────────────────────────────────────► live ─────────► told to be over
//	    │  Start: began = at                        ▲  │
//	    └───────────────────────────────────────────┘  ├─ the device began elsewhere ──► moved    ┐
//	         a record from after the inferred end ─────┤─ the NAS began anew ──────────► restarted ├ inferred
//	                                                   ├─ the NAS answers Disconnect ──► cut       │
//	                                                   └─ silence of several interims ─► silent   ┘
//
// Every transition is a function of the facts alone (Session.Settle), so that
// a late record undoes an inference that it contradicts and a repeated one
// changes nothing.
//
// Limits: what a NAS tells is believed as far as its secret is kept; a device
// without a hardware address cannot be found to have moved; one process holds
// the live sessions.
//
// Start reading at Session, Fold and Journal.Account.
package journal

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// Status is what a Record tells.
type Status uint8

// The statuses. On and Off speak of the NAS: its sessions are over.
const (
	Start Status = iota + 1
	Interim
	Stop
	On
	Off
)

// Record is one thing that a NAS told.
type Record struct {
	Status Status
	At     time.Time // when it happened
	NAS    string    // the client's name in the configuration
	Unit   string    // which device of the client: NAS-Identifier, else an address
	Key    string    // Acct-Session-Id, "" with On and Off
	Person identity.PersonID
	Epoch  uint64
	Given  identity.Given  // by the sign-in
	Basis  *identity.Basis // of the sign-in
	Detail Detail
	// Addresses are the device's, at that moment.
	Addresses []netip.Prefix
	Duration  time.Duration
	Traffic   Traffic
	Cause     uint32 // Acct-Terminate-Cause (RFC 2866 section 5.10), or 0
}

// Detail is what a NAS tells of a session and what stays as it is.
type Detail struct {
	Name          string     `json:",omitempty"` // User-Name; kept only where Person is not proven
	Device        string     `json:",omitempty"` // hardware address, lower-case hex with colons
	Station       string     `json:",omitempty"` // the same as the NAS writes it
	SSID          string     `json:",omitempty"`
	School        string     `json:",omitempty"`
	Port          string     `json:",omitempty"` // NAS-Port-Id
	Multi         string     `json:",omitempty"` // Acct-Multi-Session-Id
	SignIn        string     `json:",omitempty"` // the sign-in's handle
	Peer          netip.Addr // where the record came from
	NASAddr       netip.Addr // what the NAS calls its own
	NASIdentifier string     `json:",omitempty"`
}

// Traffic counts from the device's side: In is what the NAS received.
type Traffic struct {
	InOctets   uint64 `json:"in_octets"`
	OutOctets  uint64 `json:"out_octets"`
	InPackets  uint32 `json:"in_packets"`
	OutPackets uint32 `json:"out_packets"`
}

func (t Traffic) max(o Traffic) Traffic {
	return Traffic{max(t.InOctets, o.InOctets), max(t.OutOctets, o.OutOctets), max(t.InPackets, o.InPackets), max(t.OutPackets, o.OutPackets)}
}

// ID is a session's random identifier.
type ID [8]byte

// String gives 16 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes what String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseID reads what String writes.
func ParseID(s string) (id ID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, errors.New("a session's id is 16 hexadecimal digits")
	}
	copy(id[:], b)
	return id, nil
}

// Ending says how a session ended.
type Ending uint8

// The endings. Those after EndTold are inferred. They are stored; never
// renumber them.
const (
	EndNone      Ending = iota // it lives
	EndTold                    // the NAS said so
	EndMoved                   // the device began a session elsewhere
	EndRestarted               // the NAS began anew or went down
	EndSilent                  // nothing was heard for several interims
	EndCut                     // the NAS ended it because we asked, or knows no such session
)

// String gives a word for output and metrics, "" for a session that lives.
func (e Ending) String() string {
	return [...]string{"", "stop", "moved", "nas_restarted", "silent", "disconnected"}[min(e, EndCut)]
}

// Inferred says that no NAS told of it.
func (e Ending) Inferred() bool { return e > EndTold }

// Address is an address of a session's device, with the times of the first and
// the last record that told it.
type Address struct {
	Prefix      netip.Prefix
	First, Last time.Time
}

// maxAddresses bounds what is kept of one session; the first ones stay.
const maxAddresses = 32

// Session is one stay of one device at one NAS.
type Session struct {
	ID        ID
	NAS, Unit string
	Key       string // Acct-Session-Id
	Person    identity.PersonID
	Epoch     uint64 // the newest of its sign-ins', 0 where it is not known
	// Given is what the last sign-in gave it, or since then a CoA.
	Given     identity.Given
	Basis     *identity.Basis // of the last sign-in; nil: a password, or it is not known
	Detail    Detail
	Addresses []Address
	Began     time.Time
	BeganTold bool      // by a Start; else it is the earliest that a record implies
	Opened    string    // the sign-in of the Start, or ""
	Told      time.Time // the last record that told something new, Starts and Stops apart
	Interim   bool      // the NAS tells of this session while it lasts
	Stopped   time.Time // told by a Stop, or zero
	Duration  time.Duration
	Traffic   Traffic
	Cause     uint32 // of the Stop
	// Bound is the earliest event after Heard that ends a session of which no
	// Stop came; BoundBy says which kind.
	Bound   time.Time
	BoundBy Ending
	Ended   time.Time // zero while it lives
	Ending  Ending
	Cut     *Cut // what was asked of the NAS about it, or nil
}

// Live says that the session has not ended.
func (s *Session) Live() bool { return s.Ended.IsZero() }

// Heard is when the session was last known to be there.
func (s *Session) Heard() time.Time {
	at := s.Began
	for _, t := range []time.Time{s.Told, s.Stopped} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// Holds says whether the device had the address at that time, as far as is
// known: an address lasts from the session's begin, or from when it was first
// told if the session had another of its family before, until the session's
// end or the first record of another one.
func (s *Session) Holds(addr netip.Addr, at time.Time) bool {
	if at.Before(s.Began) || !s.Live() && at.After(s.Ended) {
		return false
	}
	for _, a := range s.Addresses {
		if !a.Prefix.Contains(addr) {
			continue
		}
		from, until := s.Began, time.Time{}
		if addr.Is4() { // of IPv6 a device has many at once
			for _, other := range s.Addresses {
				switch {
				case other.Prefix == a.Prefix || !other.Prefix.Addr().Is4():
				case !other.First.After(a.First):
					from = a.First
				case other.First.After(a.Last) && (until.IsZero() || other.First.Before(until)):
					until = other.First
				}
			}
		}
		if !at.Before(from) && (until.IsZero() || at.Before(until)) {
			return true
		}
	}
	return false
}

// Rules are the times by which silence ends a session.
type Rules struct {
	Silence time.Duration // of a session with interim records: several of its intervals
	Quiet   time.Duration // of one that never had any
}

// Deadline is when silence ends the session.
func (s *Session) Deadline(r Rules) time.Time {
	if s.Interim {
		return s.Heard().Add(r.Silence)
	}
	return s.Heard().Add(r.Quiet)
}

// Settle says how the facts end the session, as of now.
func (s *Session) Settle(r Rules, now time.Time) {
	deadline := s.Deadline(r)
	switch {
	case !s.Stopped.IsZero():
		s.Ended, s.Ending = s.Stopped, EndTold
	case !s.Bound.IsZero() && !s.Bound.After(deadline):
		s.Ended, s.Ending = s.Bound, s.BoundBy
	case now.After(deadline):
		s.Ended, s.Ending = s.Heard(), EndSilent
	default:
		s.Ended, s.Ending = time.Time{}, EndNone
		return
	}
	if s.Ended.Before(s.Began) { // by the inexactness of clocks
		s.Ended = s.Began
	}
}

// told enters the addresses of a record.
func (s *Session) told(prefixes []netip.Prefix, at time.Time) {
	for _, p := range prefixes {
		i := slices.IndexFunc(s.Addresses, func(a Address) bool { return a.Prefix == p })
		switch {
		case i < 0 && len(s.Addresses) < maxAddresses:
			s.Addresses = append(s.Addresses, Address{p, at, at})
		case i < 0:
		case at.Before(s.Addresses[i].First):
			s.Addresses[i].First = at
		case at.After(s.Addresses[i].Last):
			s.Addresses[i].Last = at
		}
	}
}
