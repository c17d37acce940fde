//go:build !linux

package wire

// batchSize is one where the system reads and writes one datagram at a time.
const batchSize = 1

type (
	system struct{}
	native struct{}
)

func (b *batch) prepare() {}

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

func (u *udpLink) send(b []byte, r *route) error {
	if r.controls == 0 {
		_, err := u.conn.WriteToUDPAddrPort(b, r.from)
		return err
	}
	_, _, err := u.conn.WriteMsgUDPAddrPort(b, r.control[:r.controls], r.from)
	return err
}
