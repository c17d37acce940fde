package wire

// batch is one reader of a socket: its datagrams, and the replies to those that
// were answered promptly. Replies leave together once all that came together has
// been looked at; what has to be waited for is with the workers by then.
type batch struct {
	server  *Server
	link    *udpLink
	in      [batchSize]*datagram
	out     []outgoing
	buffers [batchSize][maxPacket]byte
	system
}

// outgoing is a reply that waits for flush.
type outgoing struct {
	b    []byte
	back *route
	peer *Peer
}

func newBatch(s *Server, u *udpLink) *batch {
	b := &batch{server: s, link: u, out: make([]outgoing, 0, batchSize)}
	for i := range b.in {
		b.in[i] = s.buffers.Get().(*datagram)
	}
	b.prepare()
	return b
}

// release gives the datagrams back.
func (b *batch) release() {
	for _, d := range b.in {
		b.server.release(d)
	}
}

// serve takes the n datagrams that were received.
func (b *batch) serve(n int) {
	now := b.server.opts.Now()
	for i, d := range b.in[:n] {
		d.link, d.At = b.link, now
		if !b.server.take(d, b) {
			b.in[i] = b.server.buffers.Get().(*datagram)
		}
	}
	b.flush()
	for _, d := range b.in[:n] {
		d.clean()
	}
}

// room gives a buffer for the next reply.
func (b *batch) room() []byte {
	if b == nil {
		return make([]byte, 0, replySize)
	}
	return b.buffers[len(b.out)][:0]
}

// add takes a reply, one for each datagram at most.
func (b *batch) add(reply []byte, back *route, peer *Peer) {
	b.out = append(b.out, outgoing{reply, back, peer})
}

// unsent reports a reply that the system did not take. The client asks again.
func (b *batch) unsent(o *outgoing) {
	b.server.opts.Events.Dropped(DropReply, o.back.from, o.peer)
}
