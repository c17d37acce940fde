package wire

// people has the connections on which each person is signed in, those in front on which
// he signed in first. It belongs to Server.mu. Somebody counts when his connection falls
// silent (Conn.fallSilent): a client that signs in again and again without waiting for
// the answers costs no more than before.
type people map[[16]byte]queue

// placePerson and placeHalfOpen are the places of a connection beside those in the lobby.
const (
	placePerson   = 2
	placeHalfOpen = 3
)

// move counts a connection for who is signed in on it now; where he has more than he
// may, one of his others is counted no longer and given.
func (p people) move(c *Conn, most int) (over *Conn) {
	if c.counted == c.person && c.places[placePerson].in {
		return nil
	}
	p.remove(c)
	if c.counted = c.person; c.person == [16]byte{} {
		return nil
	}
	q := p[c.person]
	q.of = placePerson
	if q.n >= most {
		over = q.idlest()
		q.remove(over)
	}
	q.add(c)
	p[c.person] = q
	return over
}

// remove takes a connection out, if it is there.
func (p people) remove(c *Conn) {
	if !c.places[placePerson].in {
		return
	}
	q := p[c.counted]
	if q.remove(c); q.n == 0 {
		delete(p, c.counted)
	} else {
		p[c.counted] = q
	}
}

// idlest gives the one that has had nothing under way for longest, of those in front,
// and where all of them have, the first. There is one.
func (q *queue) idlest() *Conn {
	found := q.first
	for c, n := q.first, 0; c != nil && n < looksInto; c, n = c.places[q.of].behind, n+1 {
		if c.silent.Load() && (!found.silent.Load() || c.since.Load() < found.since.Load()) {
			found = c
		}
	}
	return found
}

// outgrown ends a connection of a person who has a newer one, if there is one. A busy
// one may never come to its end, and is cut.
func (s *Server) outgrown(c *Conn) {
	if c == nil {
		return
	}
	s.metrics.ended.WithLabelValues(troublePerPerson).Inc()
	s.notices.say("an LDAP connection of a person who has too many is ended", troublePerPerson, c.peer)
	if !c.silent.Load() {
		c.kill()
		return
	}
	c.outgrown.Store(true)
	c.stop()
}
