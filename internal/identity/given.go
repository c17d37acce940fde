package identity

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// Given is what a session on the Wi-Fi was given, short enough to travel in a
// Class: enough to tell whether it would be given the same today. The zero value
// is that of a session of which it is not known.
type Given struct {
	// Mark stands for what the network was told but for times. Its lowest byte
	// says which kinds of things there are, see Withdraws; the next one is the
	// version of how the rest was made, see Alike.
	Mark  uint64
	At    time.Time // when somebody signed in; a session's length counts from it
	Until time.Time // when the session is to end, or zero
}

// IsZero says that it is not known.
func (g Given) IsZero() bool { return g == Given{} }

// markVersion is that of the marks made here: a new one whenever a grant's mark
// comes out otherwise than before, so that an update asks nothing of the
// sessions that go on.
const markVersion = 1

// The kinds of things of a Mark, as bits, which keep their meaning whatever the
// version.
const (
	givesVLAN = 1 << iota
	givesFilter
	givesDown
	givesUp
	givesIdle
)

// Given says what a grant of now gives to a session whose sign-in was at a
// time.
func (g *Grant) Given(at, now time.Time) Given {
	kinds := uint64(0)
	h := fnv.New64a()
	part := func(kind uint64, number uint64, text string) {
		if number != 0 || text != "" {
			kinds |= kind
		}
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], number)
		binary.BigEndian.PutUint64(b[8:], uint64(len(text)))
		_, _ = h.Write(b[:]) // never fails
		_, _ = h.Write([]byte(text))
	}
	part(givesVLAN, uint64(g.VLAN), g.VLANName)
	part(givesFilter, 0, g.Filter)
	part(givesDown, uint64(g.Down), "")
	part(givesUp, uint64(g.Up), "")
	part(givesIdle, uint64(g.IdleTimeout), "")
	given := Given{Mark: h.Sum64()&^0xffff | markVersion<<8 | kinds, At: at}
	if g.Longest > 0 {
		given.Until = at.Add(g.Longest)
	}
	if end := now.Add(g.Left); g.Left > 0 && (given.Until.IsZero() || end.Before(given.Until)) {
		given.Until = end
	}
	return given
}

// Alike says that both give the same but for times, or that it cannot be told,
// for their marks are of two versions.
func (g Given) Alike(o Given) bool {
	return g.Mark == o.Mark || g.Mark>>8&0xff != o.Mark>>8&0xff
}

// Withdraws says that o lacks a kind of thing that g has: what a network was
// told it can be told otherwise, but not to forget.
func (g Given) Withdraws(o Given) bool { return g.Mark&^o.Mark&0xff != 0 }

// inexact is how far two ends may lie apart and be the same: they are rounded,
// and clocks differ.
const inexact = 90 * time.Second

// Ends says whether both end at the same time.
func (g Given) Ends(o Given) bool {
	if g.Until.IsZero() || o.Until.IsZero() {
		return g.Until.IsZero() == o.Until.IsZero()
	}
	return g.Until.Sub(o.Until).Abs() <= inexact
}
