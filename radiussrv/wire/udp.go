package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// readBuffer is asked of the kernel for each socket: some five thousand packets
// that come while we are busy.
const readBuffer = 4 << 20

// udpLink is one socket.
type udpLink struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	as   Role
	n    uint16
	wild bool // bound to all addresses: replies must say theirs
}

func newUDPLink(conn *net.UDPConn, as Role, n uint16) (*udpLink, error) {
	raw, err := conn.SyscallConn()
	return &udpLink{conn: conn, raw: raw, as: as, n: n}, err
}

func (u *udpLink) role() Role             { return u.as }
func (u *udpLink) dropped(Drop)           {}
func (u *udpLink) number() (uint16, bool) { return u.n, true }

// ServeUDP reads requests from conn until Shutdown, then returns ErrStopped. It
// closes conn. Whoever sends while it stops is refused or answered. A reply leaves from the address its request was sent to, also
// where conn listens on all addresses (RFC 2865 section 3: a NAS drops replies
// from elsewhere).
func (s *Server) ServeUDP(conn *net.UDPConn, role Role) error {
	u, err := newUDPLink(conn, role, uint16(s.links.Add(1)))
	if err != nil {
		return fmt.Errorf("listen for RADIUS: %w", err)
	}
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok && local.IP.IsUnspecified() {
		u.wild = true
		if err := learnDestination(conn); err != nil {
			_ = conn.Close()
			return fmt.Errorf("listen for RADIUS on %v: %w", local, err)
		}
	}
	_ = conn.SetReadBuffer(readBuffer) // the kernel gives what it allows
	stop := func() {
		_ = u.refuse() // where it fails, what comes from now on is lost, as ever with datagrams
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	if !s.enter(stop, func() { _ = conn.Close() }) {
		_ = conn.Close()
		return ErrStopped
	}
	defer s.readers.Done()
	ended := make(chan error)
	for range s.opts.Readers {
		go func() { ended <- s.read(u) }()
	}
	var errs error
	for range s.opts.Readers {
		if err := <-ended; errs == nil {
			errs = err
		}
	}
	return errs
}

// read takes what comes, as much at once as is there, and waits only where
// nothing is. One reader reads while others answer.
func (s *Server) read(u *udpLink) error {
	b := newBatch(s, u)
	defer b.release()
	for failures := 0; ; {
		n, err := b.receive()
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, os.ErrDeadlineExceeded):
			b.rest()
			return ErrStopped
		case errors.Is(err, net.ErrClosed):
			return ErrStopped
		default:
			// A queued ICMP error of an earlier reply, or no memory for a
			// moment, pass; what stays is the socket's end.
			if failures++; failures > 100 {
				return fmt.Errorf("read RADIUS requests: %w", err)
			}
			continue
		}
		b.serve(n)
	}
}
