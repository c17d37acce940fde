package postgres

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// silence is how long a server may leave unanswered what it was sent, or keep
// silent at all, before the connection counts as broken.
const silence = 15 * time.Second

// dial connects so that a server that is gone without a word is noticed, while
// statements may take as long as they need.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 3, Count: 2},
		Control: func(network, _ string, c syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			var failed error
			if err := c.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
			}); err != nil {
				return err
			}
			return failed
		},
	}
	return d.DialContext(ctx, network, address)
}
