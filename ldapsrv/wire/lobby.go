package wire

// lobby is a list of the connections on which nobody is signed in, those who came
// first in front. Where Limits.Connections is reached, one of them makes room for
// a new one: a network with a great many addresses, each of them below the limits
// of a source, would else keep everybody out for as long as silence is allowed.
// Whoever is signed in stays. It belongs to Server.mu.
type lobby struct{ first, last *Conn }

// looksInto is how many connections are looked at for one new one.
const looksInto = 64

// add puts a connection at the end.
func (l *lobby) add(c *Conn) {
	c.before, c.behind, c.waits = l.last, nil, true
	if l.last == nil {
		l.first = c
	} else {
		l.last.behind = c
	}
	l.last = c
	if c.from != nil {
		c.from.unbound++
	}
}

// remove takes it out, if it is there.
func (l *lobby) remove(c *Conn) {
	if !c.waits {
		return
	}
	if c.before == nil {
		l.first = c.behind
	} else {
		c.before.behind = c.behind
	}
	if c.behind == nil {
		l.last = c.before
	} else {
		c.behind.before = c.before
	}
	c.before, c.behind, c.waits = nil, nil, false
	if c.from != nil {
		c.from.unbound--
	}
}

// oldest gives, of those in front who have nothing under way, one of the source
// with most in the lobby, the first of these; nil: nobody. Who has something under
// way goes to the end, so that nobody can stand in front of the silent for long.
func (l *lobby) oldest() (found *Conn) {
	most := 0
	next := l.first
	for n := 0; next != nil && n < looksInto; n++ {
		c := next
		next = c.behind
		of := 1 // whose it is, a balancer has yet to say
		if c.from != nil {
			of = c.from.unbound
		}
		switch {
		case !c.silent.Load():
			l.remove(c)
			l.add(c)
		case of > most:
			found, most = c, of
		}
	}
	return found
}

// makeRoom ends a connection for a new one. The caller holds mu.
func (s *Server) makeRoom() bool {
	c := s.lobby.oldest()
	if c == nil {
		return false
	}
	s.lobby.remove(c)
	delete(s.conns, c) // its goroutine forgets the rest
	s.metrics.ended.WithLabelValues(troubleCrowded).Inc()
	s.notices.say("a silent LDAP connection made room for a new one", troubleCrowded, c.peer)
	c.kill()
	return true
}

// fallSilent says that the connection has nothing under way, and keeps the lobby: to
// sign in and out again at once, as some clients do for each of their users, costs
// nothing.
func (c *Conn) fallSilent() {
	if c.bound == c.lobbied {
		s := c.server
		s.mu.Lock()
		if c.bound {
			s.lobby.remove(c)
		} else if s.conns[c] {
			s.lobby.add(c)
		}
		s.mu.Unlock()
		c.lobbied = !c.bound
	}
	c.waiting(true)
}

// waiting says whether we wait for the client alone, be it that he asks, takes an
// answer or goes on with TLS. It matters until somebody is signed in.
func (c *Conn) waiting(is bool) {
	if !c.bound {
		c.silent.Store(is)
	}
}
