package wire

import (
	"container/heap"
	"time"
)

// Whoever is signed in makes room for nobody but himself: people have Limits.PerPerson
// (people.go). Of the others one makes room for a newcomer where Limits.Connections is
// reached: of a source that has a crowd of silent ones, the largest first, and where
// none has, the longest silent of all. Where Limits.PerSource is, one of the same
// source does: a pool of PCs behind one address gets in although the connections of
// those that were switched off are still counted; and so with Limits.Handshakes
// (handshake.go).
//
// What that leaves: a network of very many addresses, each with less than a crowd, keeps
// nobody out who signs in before everybody's place in the lobby has been taken once
// more. Who dials that fast is for a firewall.
//
//	             ┌─ no header yet: Server.unheard, bounded by itself
//	newcomer ─►──┤
//	             └─ lobby: of all and of its source ─ signed in ─► people, or services: in none; back when signed out

// lobby has the connections on which nobody is signed in, those who came first in
// front, and knows which source has most of them. It belongs to Server.mu.
type lobby struct {
	all    queue
	crowds crowds
	few    int // connections of a source that are no crowd
}

// A crowd is more than an eighth of what a source may have: a school behind one address
// has some that are about to sign in, and must not give way to whoever has a few from
// each of many addresses.
const (
	fewShare = 8
	fewLeast = 4
)

func newLobby(l Limits) lobby {
	return lobby{few: max(min(l.PerSource, l.Connections)/fewShare, fewLeast)}
}

// add puts a connection, whose source is known, at the end.
func (l *lobby) add(c *Conn) {
	l.all.add(c)
	if c.from.lobby.add(c); c.from.lobby.n == 1 {
		heap.Push(&l.crowds, c.from)
	} else {
		heap.Fix(&l.crowds, c.from.rank)
	}
}

// remove takes it out, if it is there.
func (l *lobby) remove(c *Conn) {
	if !c.places[0].in {
		return
	}
	l.all.remove(c)
	if c.from.lobby.remove(c); c.from.lobby.n == 0 {
		heap.Remove(&l.crowds, c.from.rank)
	} else {
		heap.Fix(&l.crowds, c.from.rank)
	}
}

// victim gives the one that has been silent for longest of the source with most, and
// where none has a crowd, or that one's are busy, of all; nil: nobody.
func (l *lobby) victim() *Conn {
	if len(l.crowds) > 0 && l.crowds[0].lobby.n > l.few {
		if c := l.crowds[0].lobby.find((*Conn).isSilent); c != nil {
			return c
		}
	}
	return l.all.find((*Conn).isSilent)
}

// crowds is a heap of the sources that are in the lobby, the one with most on top.
type crowds []*origin

// Len implements heap.Interface.
func (l crowds) Len() int { return len(l) }

// Less implements heap.Interface.
func (l crowds) Less(i, j int) bool { return l[i].lobby.n > l[j].lobby.n }

// Swap implements heap.Interface.
func (l crowds) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].rank, l[j].rank = i, j
}

// Push implements heap.Interface.
func (l *crowds) Push(x any) {
	o := x.(*origin)
	o.rank = len(*l)
	*l = append(*l, o)
}

// Pop implements heap.Interface.
func (l *crowds) Pop() any {
	last := len(*l) - 1
	o := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return o
}

// queue is a list of connections, threaded through one of the places of each.
type queue struct {
	first, last *Conn
	n           int
	of          int // which place
}

// place is where a connection stands in a queue.
type place struct {
	before, behind *Conn
	in             bool
}

// add puts a connection at the end.
func (q *queue) add(c *Conn) {
	c.places[q.of] = place{before: q.last, in: true}
	if q.last == nil {
		q.first = c
	} else {
		q.last.places[q.of].behind = c
	}
	q.last = c
	q.n++
}

// remove takes out one that is there.
func (q *queue) remove(c *Conn) {
	at := c.places[q.of]
	if at.before == nil {
		q.first = at.behind
	} else {
		at.before.places[q.of].behind = at.behind
	}
	if at.behind == nil {
		q.last = at.before
	} else {
		at.behind.places[q.of].before = at.before
	}
	c.places[q.of] = place{}
	q.n--
}

// looksInto is how many connections are looked at for one new one.
const looksInto = 64

// find gives the first that is as wanted, of those in front. Who is not goes to the
// end, so that nobody can stand in front of the others for long.
func (q *queue) find(wanted func(*Conn) bool) *Conn {
	for range min(q.n, looksInto) {
		c := q.first
		if wanted(c) {
			return c
		}
		q.remove(c)
		q.add(c)
	}
	return nil
}

// madeRoom ends a connection that has left for a new one, if there is one. The caller
// does not hold mu.
func (s *Server) madeRoom(c *Conn) {
	if c == nil {
		return
	}
	s.metrics.ended.WithLabelValues(troubleCrowded).Inc()
	s.notices.say("a silent LDAP connection made room for a new one", troubleCrowded, c.peer)
	c.kill() // its goroutine forgets the rest
}

// fallSilent says that the connection has nothing under way, and keeps lobby and people:
// to sign in and out again at once, as some clients do for each of their users, costs
// nothing.
func (c *Conn) fallSilent() {
	if bound := c.bound.Load(); bound == c.lobbied || c.person != c.counted {
		c.server.settle(c, bound)
	}
	if c.person != [16]byte{} {
		c.since.Store(time.Now().UnixNano())
	}
	c.silent.Store(true)
}

// settle puts a connection where it belongs: the lobby, or those of its person.
func (s *Server) settle(c *Conn, bound bool) {
	var over *Conn
	s.mu.Lock()
	if s.conns[c] {
		if bound {
			s.lobby.remove(c)
		} else if !c.lobbied {
			s.lobby.add(c)
		}
		over = s.people.move(c, s.opt.Limits.PerPerson)
	}
	s.mu.Unlock()
	c.lobbied = !bound
	s.outgrown(over)
}

// waiting says whether we wait for the client to take an answer or to go on with TLS.
// It matters until somebody is signed in.
func (c *Conn) waiting(is bool) {
	if !c.bound.Load() {
		c.silent.Store(is)
	}
}

func (c *Conn) isSilent() bool { return c.silent.Load() }
