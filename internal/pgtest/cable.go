package pgtest

import (
	"fmt"
	"net"
	"sync"
	"testing"
)

// Cable is a way to a server that can be cut, and that can swallow all that is sent.
type Cable struct {
	server   *Server
	listener net.Listener

	mu    sync.Mutex
	state cableState
	laid  int // how often Lose was called; connections of before go nowhere
	moved *sync.Cond
	ends  map[net.Conn]bool
}

type cableState uint8

const (
	cableWhole cableState = iota
	cableHung             // bytes wait, connections stay
	cableCut              // connections end, none begins
)

// Cable lays one, for as long as the test.
func (s *Server) Cable(tb testing.TB) *Cable {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c := &Cable{server: s, listener: l, ends: map[net.Conn]bool{}}
	c.moved = sync.NewCond(&c.mu)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { c.join(near) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		c.Cut()
		work.Wait()
	})
	return c
}

// URL is the address of a database at the end of the cable.
func (c *Cable) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", c.listener.Addr(), database)
}

// Cut ends all connections, and those that begin from now on.
func (c *Cable) Cut() {
	c.become(cableCut)
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.ends {
		_ = end.Close()
	}
}

// Hang lets nothing through any more, and tells nobody.
func (c *Cable) Hang() { c.become(cableHung) }

// Lose lets nothing of the connections that are there through any more, and tells
// nobody; new ones reach the server. So is a proxy whose server died behind it.
func (c *Cable) Lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.laid++
}

// Mend makes it whole; what waited goes through.
func (c *Cable) Mend() { c.become(cableWhole) }

func (c *Cable) become(s cableState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
	c.moved.Broadcast()
}

// passes waits until the cable is whole for a connection; false: it is cut.
func (c *Cable) passes(laid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.state == cableHung || c.state == cableWhole && laid < c.laid {
		c.moved.Wait()
	}
	return c.state == cableWhole
}

func (c *Cable) join(near net.Conn) {
	defer func() { _ = near.Close() }()
	c.mu.Lock()
	laid := c.laid
	c.mu.Unlock()
	if !c.passes(laid) {
		return
	}
	far, err := net.Dial("tcp", "127.0.0.1:"+c.server.port)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	c.mu.Lock()
	c.ends[near], c.ends[far] = true, true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ends, near)
		delete(c.ends, far)
	}()
	back := make(chan struct{})
	go func() {
		defer close(back)
		c.carry(far, near, laid)
	}()
	c.carry(near, far, laid)
	<-back
}

// carry moves bytes one way until one end is closed, then closes both.
func (c *Cable) carry(from, to net.Conn, laid int) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !c.passes(laid) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
