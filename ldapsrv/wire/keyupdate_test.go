package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/rawtls"
)

// pipes is a listener whose connections are made by the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// rawTLS is a client that sends what records it likes.
type rawTLS struct {
	*testing.T
	*rawtls.Conn
}

func dialRaw(t *testing.T, to pipes) *rawTLS {
	t.Helper()
	theirs, ours := net.Pipe()
	to <- theirs
	c, err := rawtls.Dial(ours)
	if err != nil {
		t.Fatal(err)
	}
	return &rawTLS{t, c}
}

// answered asks and looks for the word in the answer.
func (r *rawTLS) answered(word string) {
	r.Helper()
	if err := r.WriteRecord(rawtls.Data, pdu(1, OpBindRequest, []byte(word))); err != nil {
		r.Fatal(err)
	}
	if kind, b, err := r.ReadRecord(); err != nil || kind != rawtls.Data || !bytes.Contains(b, []byte(word)) {
		r.Fatalf("record of kind %d: %q, %v", kind, b, err)
	}
}

// overPipes runs a test beside a server in a bubble with a time of its own.
func overPipes(t *testing.T, e Session, test func(*testing.T, *Server, pipes)) {
	config := serverTLS(t)
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Open: func(*Conn) Session { return e }, TLS: func() *tls.Config { return config }})
		to := make(pipes)
		done := make(chan error)
		go func() { done <- s.Serve(to, Listener{Implicit: true}) }()
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := errors.Join(s.Shutdown(ctx), <-done); err != nil {
				t.Error(err)
			}
		}()
		test(t, s, to)
	})
}

// A client may want new keys after any silence, and goes on.
func TestKeyUpdateAfterSilence(t *testing.T) {
	overPipes(t, &echo{}, func(t *testing.T, s *Server, to pipes) {
		c := dialRaw(t, to)
		c.answered("in")
		for range 3 {
			time.Sleep(10 * s.opt.Limits.Write)
			if err := c.UpdateKeys(); err != nil {
				t.Fatal(err)
			}
			if kind, b, err := c.ReadRecord(); err != nil || kind != rawtls.Handshake || b[0] != rawtls.KeyUpdate {
				t.Fatalf("record of kind %d: %x, %v", kind, b, err)
			}
			c.answered("in")
		}
		_ = c.Close()
	})
}

// Whoever signs in while requests are read ahead may be silent like others who are
// signed in, and no longer.
func TestPatienceOfSignInAhead(t *testing.T) {
	overPipes(t, &echo{}, func(t *testing.T, s *Server, to pipes) {
		c := dialRaw(t, to)
		c.answered("watched")
		time.Sleep(s.opt.Limits.Idle - time.Second)
		c.answered("watched")
		time.Sleep(s.opt.Limits.Idle + s.opt.Limits.Write + 6*time.Second) // the notice, and TLS's farewell, which it does not read
		synctest.Wait()
		s.mu.Lock()
		if n := len(s.conns); n > 0 {
			t.Error("it is still there")
		}
		s.mu.Unlock()
		_ = c.Close()
	})
}

// A client that wants new keys and does not read is not there for longer than one
// that is silent, neither before nor after an answer.
func TestKeyUpdateUnread(t *testing.T) {
	for _, asks := range []bool{false, true} {
		overPipes(t, &echo{}, func(t *testing.T, s *Server, to pipes) {
			c := dialRaw(t, to)
			if asks {
				c.answered("out")
			}
			if err := c.UpdateKeys(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(s.opt.Limits.Write + s.opt.Limits.FirstIdle + 6*time.Second) // TLS says farewell for five
			synctest.Wait()
			s.mu.Lock()
			if n := len(s.conns); n > 0 {
				t.Errorf("asks first %v: it is still there", asks)
			}
			s.mu.Unlock()
			_ = c.Close()
		})
	}
}

// Nothing but new keys is nothing: such a client is ended, after so many as cost
// less than a handshake.
func TestKeyUpdateStorm(t *testing.T) {
	overPipes(t, &echo{}, func(t *testing.T, _ *Server, to pipes) {
		c := dialRaw(t, to)
		c.answered("in")
		n := 0
		for ; n < 100; n++ {
			if err := c.UpdateKeys(); err != nil {
				break
			}
			if kind, b, err := c.ReadRecord(); err != nil || kind != rawtls.Handshake || b[0] != rawtls.KeyUpdate {
				break
			}
		}
		if n == 0 || n > 20 {
			t.Errorf("it ends after %d", n)
		}
		_ = c.Close()
	})
}

// long answers with more than fits into a few records.
type long struct{}

func (long) Serve(_ context.Context, c *Conn, m *Message) {
	c.Reply(m.ID, m.Op+1, Result{Text: strings.Repeat("long ", 100_000)})
}

// An answer has its time as a whole: who takes a record just before it is over
// does not have it anew with each.
func TestTimeOfAnAnswer(t *testing.T) {
	overPipes(t, &long{}, func(t *testing.T, s *Server, to pipes) {
		c := dialRaw(t, to)
		if err := c.WriteRecord(rawtls.Data, pdu(1, OpBindRequest, []byte("in"))); err != nil {
			t.Fatal(err)
		}
		records := 0
		for ; records < 30; records++ {
			if _, _, err := c.ReadRecord(); err != nil {
				break
			}
			time.Sleep(s.opt.Limits.Write * 4 / 5)
		}
		if records == 0 || records > 3 {
			t.Errorf("it takes %d records, each after most of the time for all", records)
		}
		_ = c.Close()
	})
}
