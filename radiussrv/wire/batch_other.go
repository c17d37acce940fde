//go:build !linux

package wire

// batchSize is one where the system reads and writes one datagram at a time.
const batchSize = 1

type (
	system struct{}
	native struct{}
)

func (b *batch) prepare() error { return nil }

// receive waits for a datagram.
func (b *batch) receive() (n int, err error) {
	d := b.in[0]
	d.n, d.from, err = b.link.conn.ReadFromUDPAddrPort(d.buf[:])
	return 1, err
}

// flush sends the replies.
func (b *batch) flush() {
	for i := range b.out {
		if o := &b.out[i]; o.back.link.send(o.b, o.back) != nil {
			b.unsent(o)
		}
	}
	b.out = b.out[:0]
}
