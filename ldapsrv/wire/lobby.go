package wire

import "container/heap"

// Whoever is there and signed in stays. Of the others one makes room for a newcomer
// where Limits.Connections is reached, or would keep everybody out for as long as
// silence is allowed; so a network with a great many addresses, each of them below the
// limits of a source, keeps nobody out. Where Limits.PerSource is, one of the same
// source does: a pool of PCs behind one address gets in although the connections of
// those that were switched off are still counted.
//
//	             ┌─ no header yet: Server.unheard, bounded by itself
//	newcomer ─►──┤
//	             └─ lobby: of all and of its source ─ signed in ─► in neither; back when signed out

// lobby has the connections on which nobody is signed in, those who came first in
// front, and knows which source has most of them. It belongs to Server.mu.
type lobby struct {
	all    queue
	crowds crowds
}

// few is how many connections of a source in the lobby are no crowd.
const few = 4

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
// where each has few, or that one's are busy, of all; nil: nobody.
func (l *lobby) victim() *Conn {
	if len(l.crowds) > 0 && l.crowds[0].lobby.n > few {
		if c := l.crowds[0].lobby.silent(); c != nil {
			return c
		}
	}
	return l.all.silent()
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

// silent gives the first that has nothing under way, of those in front. Who has goes
// to the end, so that nobody can stand in front of the silent for long.
func (q *queue) silent() *Conn {
	for range min(q.n, looksInto) {
		c := q.first
		if c.silent.Load() {
			return c
		}
		q.remove(c)
		q.add(c)
	}
	return nil
}

// makeRoom ends a connection for a new one. The caller holds mu.
func (s *Server) makeRoom(c *Conn) bool {
	if c == nil {
		return false
	}
	s.leave(c) // its goroutine forgets the rest
	s.metrics.ended.WithLabelValues(troubleCrowded).Inc()
	s.notices.say("a silent LDAP connection made room for a new one", troubleCrowded, c.peer)
	c.kill()
	return true
}

// fallSilent says that the connection has nothing under way, and keeps the lobby: to
// sign in and out again at once, as some clients do for each of their users, costs
// nothing.
func (c *Conn) fallSilent() {
	if bound := c.bound.Load(); bound == c.lobbied {
		s := c.server
		s.mu.Lock()
		if bound {
			s.lobby.remove(c)
		} else if s.conns[c] {
			s.lobby.add(c)
		}
		s.mu.Unlock()
		c.lobbied = !bound
	}
	c.waiting(true)
}

// waiting says whether we wait for the client alone, be it that he asks, takes an
// answer or goes on with TLS. It matters until somebody is signed in.
func (c *Conn) waiting(is bool) {
	if !c.bound.Load() {
		c.silent.Store(is)
	}
}
