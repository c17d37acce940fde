package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Whatever comes while the server stops is answered, or refused by the system as
// where nobody listens: no request is taken and never answered. Whoever was asked
// for long, or is told no in its time, holds the socket open meanwhile.
func TestStopSwallowsNothing(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			asked := make(chan struct{})
			h := script(func(_ context.Context, r *Received) *Reply {
				if r.Packet.ID == 255 {
					close(asked)
					time.Sleep(100 * time.Millisecond)
					return &Reply{Code: AccessReject, NotBefore: r.At.Add(200 * time.Millisecond)}
				}
				return &Reply{Code: AccessAccept}
			})
			s, conn, served := stoppable(t, h, at)
			to := dialOf(conn)
			slow := dial(t, to)
			send(t, slow, 255)
			<-asked

			var answered, refused, swallowed atomic.Int64
			var clients sync.WaitGroup
			for range 8 {
				c := dial(t, to)
				clients.Go(func() { askUntilRefused(t, c, &answered, &refused, &swallowed) })
			}
			time.Sleep(50 * time.Millisecond)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, ErrStopped) {
				t.Error(err)
			}
			clients.Wait()
			if err := receive(slow); err != nil {
				t.Errorf("the one in work: %v", err)
			}
			t.Logf("%d answered, %d refused, %d swallowed", answered.Load(), refused.Load(), swallowed.Load())
			if swallowed.Load() > 0 || answered.Load() == 0 || refused.Load() != 8 {
				t.Errorf("%d requests were answered, %d refused, and %d swallowed", answered.Load(), refused.Load(), swallowed.Load())
			}
		})
	}
}

// stoppable serves at an address; whoever calls shuts it down.
func stoppable(t *testing.T, h Handler, at string) (*Server, *net.UDPConn, <-chan error) {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(h, Options{Peer: everyone(false)})
	served := make(chan error, 1)
	go func() { served <- s.ServeUDP(conn, Authentication) }()
	return s, conn, served
}

// dialOf is where a socket is asked: an IPv4 client asks one for both families too.
func dialOf(conn *net.UDPConn) *net.UDPAddr {
	a := *conn.LocalAddr().(*net.UDPAddr)
	if a.IP.IsUnspecified() {
		a.IP = net.IPv4(127, 0, 0, 1)
	}
	return &a
}

func dial(t *testing.T, to *net.UDPAddr) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c *net.UDPConn, id byte) {
	if _, err := c.Write(ask(t, id, nil)); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

func receive(c *net.UDPConn) error {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var b [maxPacket]byte
	_, err := c.Read(b[:])
	return err
}

// askUntilRefused asks as fast as it is answered.
func askUntilRefused(t *testing.T, c *net.UDPConn, answered, refused, swallowed *atomic.Int64) {
	for id := byte(0); ; id = (id + 1) % 250 {
		send(t, c, id)
		switch err := receive(c); {
		case err == nil:
			answered.Add(1)
		case errors.Is(err, syscall.ECONNREFUSED):
			refused.Add(1)
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			swallowed.Add(1)
			return
		default:
			t.Error(err)
			return
		}
	}
}
