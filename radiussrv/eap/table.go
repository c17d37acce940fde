package eap

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// stage is how far a conversation has come, and so what it is worth when places
// are short.
type stage uint8

const (
	asked       stage = iota // it named itself, that is all: anybody can
	shaking                  // TLS has begun
	established              // TLS stands
	stageEnd
)

// nasKey is who a conversation belongs to. Its state is worth nothing to others.
type nasKey struct {
	name string
	addr netip.Addr
}

// table holds conversations between round trips. Nothing in it waits: a
// conversation is taken out for a step and put back, and whoever removes one
// that is out leaves it to its holder to close.
//
//	add ─► waiting ◄─ put ── take ─► busy ──┐
//	          │                             │ removed meanwhile: put says so
//	          └─ end, expired, pushed out ──┴─► closed
//
// Places are limited in all and for each NAS; a conversation takes one, and more
// while it keeps more than usual of what its peer sent. Who needs one that is not
// there, a newcomer or one that grows, pushes out, of its own NAS or of the one
// that holds most, the oldest that has only named itself; where there is none, the
// oldest in the handshake; an established one only if it is older than a quarter
// of the lifetime. Otherwise it has to go itself.
type table struct {
	limit, share int // places
	lifetime     time.Duration
	now          func() time.Time
	gone         func(end) // counts
	// silent is told, without the lock, of conversations whose peer did not go
	// on; nil: nobody is.
	silent func(*conversation)

	mu      sync.Mutex
	byState map[state]*conversation
	held    int       // places
	ages    list.List // oldest first; all live equally long
	shares  map[nasKey]*share
	timer   *time.Timer
	closed  bool
}

type share struct {
	held   int
	stages [stageEnd]list.List // oldest first
}

func newTable(limit, each int, lifetime time.Duration, now func() time.Time, gone func(end)) *table {
	return &table{limit: limit, share: each, lifetime: lifetime, now: now, gone: gone,
		byState: make(map[state]*conversation), shares: make(map[nasKey]*share)}
}

// add takes a new conversation in, as busy; false where there is no place.
func (t *table) add(c *conversation) bool {
	t.mu.Lock()
	closing := t.expired()
	ok := !t.closed && t.room(c.nas, 1, &closing)
	if ok {
		s := t.shares[c.nas]
		if s == nil {
			s = &share{}
			t.shares[c.nas] = s
		}
		c.begun, c.busy, c.places = t.now(), true, 1
		s.held++
		t.held++
		t.byState[c.state] = c
		c.age, c.place = t.ages.PushBack(c), s.stages[c.stage].PushBack(c)
		t.arm()
	}
	t.mu.Unlock()
	t.closeAll(closing)
	return ok
}

// room pushes others out until n more places are free; false where nobody may be.
func (t *table) room(nas nasKey, n int, closing *[]*conversation) bool {
	for {
		from := t.shares[nas]
		switch {
		case from != nil && from.held+n > t.share:
		case t.held+n <= t.limit:
			return true
		case from == nil || from.held <= t.limit/len(t.shares):
			from = t.biggest()
		}
		if from == nil || !t.push(from, closing) {
			return false
		}
	}
}

// push removes whom a newcomer may push out of a share.
func (t *table) push(s *share, closing *[]*conversation) bool {
	for at := range s.stages {
		e := s.stages[at].Front()
		if e == nil {
			continue
		}
		c := e.Value.(*conversation)
		if c.stage == established && t.now().Sub(c.begun) < t.lifetime/4 {
			return false
		}
		t.remove(c, closing)
		t.gone(endPushed)
		return true
	}
	return false
}

func (t *table) biggest() *share {
	var most *share
	for _, s := range t.shares {
		if most == nil || s.held > most.held {
			most = s
		}
	}
	return most
}

// remove takes c out; where it is busy, put will say so.
func (t *table) remove(c *conversation, closing *[]*conversation) {
	delete(t.byState, c.state)
	t.ages.Remove(c.age)
	s := t.shares[c.nas]
	s.stages[c.stage].Remove(c.place)
	t.held -= c.places
	if s.held -= c.places; s.held == 0 {
		delete(t.shares, c.nas)
	}
	c.removed = true
	if !c.busy {
		*closing = append(*closing, c)
	}
}

// found is what take found.
type found uint8

const (
	foundNone found = iota
	foundBusy
	foundFree
)

// take gives the conversation that a state stands for to one caller, who has to
// put it back.
func (t *table) take(key state, nas nasKey) (*conversation, found) {
	t.mu.Lock()
	closing := t.expired()
	defer t.closeAll(closing)
	defer t.mu.Unlock()
	c := t.byState[key]
	switch {
	case c == nil || c.nas != nas:
		return nil, foundNone
	case c.busy:
		return nil, foundBusy
	}
	c.busy = true
	return c, foundFree
}

// put gives a conversation back after a step, or ends it.
func (t *table) put(c *conversation, reached stage, places int, over bool) {
	t.mu.Lock()
	var closing []*conversation
	c.busy, c.heard = false, t.now()
	switch {
	case c.removed:
		closing = append(closing, c)
	case over:
		t.remove(c, &closing)
	default:
		t.settle(c, reached, places, &closing)
	}
	t.mu.Unlock()
	t.closeAll(closing)
}

// settle gives c the rank and the places that it has come to.
func (t *table) settle(c *conversation, reached stage, places int, closing *[]*conversation) {
	if more := places - c.places; more > 0 && !t.room(c.nas, more, closing) && !c.removed {
		t.remove(c, closing)
		t.gone(endPushed)
	}
	if c.removed { // here, or as the oldest of those that had to go
		return
	}
	s := t.shares[c.nas]
	t.held += places - c.places
	s.held += places - c.places
	c.places = places
	if reached != c.stage {
		s.stages[c.stage].Remove(c.place)
		c.stage = reached
		c.place = s.stages[reached].PushBack(c)
	}
}

// expired removes what is too old. Conversations may live for lifetime and no
// longer, however much they are talked to.
func (t *table) expired() (closing []*conversation) {
	now := t.now()
	for e := t.ages.Front(); e != nil; e = t.ages.Front() {
		c := e.Value.(*conversation)
		if now.Sub(c.begun) < t.lifetime {
			break
		}
		c.silent = !c.busy
		t.remove(c, &closing)
		t.gone(endExpired)
	}
	return closing
}

// arm sees to it that what nobody asks for any more goes too.
func (t *table) arm() {
	if t.timer != nil || t.closed {
		return
	}
	e := t.ages.Front()
	if e == nil {
		return
	}
	left := t.lifetime - t.now().Sub(e.Value.(*conversation).begun)
	t.timer = time.AfterFunc(max(left, time.Millisecond), func() {
		t.mu.Lock()
		closing := t.expired()
		t.timer = nil
		t.arm()
		t.mu.Unlock()
		t.closeAll(closing)
	})
}

// underway counts the conversations whose peer was heard of within a time.
func (t *table) underway(within time.Duration) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := t.now().Add(-within)
	for _, c := range t.byState {
		if c.busy || c.heard.After(since) {
			n++
		}
	}
	return n
}

// close ends all conversations and takes no more.
func (t *table) close() {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	var closing []*conversation
	for _, c := range t.byState {
		t.remove(c, &closing)
	}
	t.mu.Unlock()
	t.closeAll(closing)
}

func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byState)
}

func (t *table) closeAll(all []*conversation) {
	for _, c := range all {
		if c.silent && t.silent != nil {
			t.silent(c)
		}
		c.transport.Close()
	}
}
