package wire

import (
	"context"
	"testing"
)

// keeper is a session whose request is still served when nothing is read ahead any
// more.
type keeper struct{ t *testing.T }

func (k keeper) Serve(_ context.Context, c *Conn, m *Message) {
	if m.ID == 1 {
		c.Watch(m)
		<-c.ahead.done
		for range 100 { // whoever else reads
			b := buffers.Get().(*[bufferSize]byte)
			copy(b[:], "somebody else's request, which is longer")
			defer buffers.Put(b)
		}
		if c.ahead.first.buf == nil {
			k.t.Error("the memory of a request that is served was given back")
		}
	}
	c.Reply(m.ID, m.Op+1, Result{Text: string(m.Body)})
}

// The memory of a request is its own until it has been served, also where reading
// ahead ends before.
func TestMemoryStaysWhileServed(t *testing.T) {
	w := startAs(t, Options{Open: func(*Conn) Session { return keeper{t} }}, Listener{})
	p := w.dial()
	p.send(request1(1, "mine"), pdu(2, OpExtendedRequest, []byte("last")))
	p.want(1, "mine")
	p.want(2, "last")
	p.send(request1(3, "more"))
	p.want(3, "more")
}
