package wire

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// half is one direction of a TLS 1.3 connection with AES-128-GCM and SHA-256.
type half struct {
	secret []byte
	seal   cipher.AEAD
	iv     []byte
	number uint64
}

func expand(secret []byte, label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(6+len(label))), "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), size) // RFC 8446 section 7.1
	if err != nil {
		panic(err)
	}
	return out
}

func newHalf(secret []byte) half {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return half{secret: secret, seal: seal, iv: expand(secret, "iv", 12)}
}

func (h *half) next() { *h = newHalf(expand(h.secret, "traffic upd", 32)) }

func (h *half) nonce() []byte {
	nonce := bytes.Clone(h.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(h.number >> (56 - 8*i))
	}
	h.number++
	return nonce
}

// rawTLS is a client that sends what records it likes.
type rawTLS struct {
	*testing.T
	net.Conn
	out, in half
}

const (
	recordHandshake = 22
	recordData      = 23
)

// dialRaw shakes hands as Go does, asks for no session ticket, and goes on by itself.
func dialRaw(t *testing.T, to pipes) *rawTLS {
	t.Helper()
	theirs, ours := net.Pipe()
	to <- theirs
	var log bytes.Buffer
	c := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := c.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("cipher suite %#x", suite)
	}
	r := &rawTLS{T: t, Conn: ours}
	for line := range strings.Lines(log.String()) {
		var name, random, secret string
		_, _ = fmt.Sscan(line, &name, &random, &secret)
		raw, _ := hex.DecodeString(secret)
		switch name {
		case "CLIENT_TRAFFIC_SECRET_0":
			r.out = newHalf(raw)
		case "SERVER_TRAFFIC_SECRET_0":
			r.in = newHalf(raw)
		}
	}
	return r
}

// write sends one record.
func (r *rawTLS) write(kind byte, b []byte) error {
	inner := append(bytes.Clone(b), kind)
	head := binary.BigEndian.AppendUint16([]byte{recordData, 3, 3}, uint16(len(inner)+16))
	_, err := r.Conn.Write(r.out.seal.Seal(head, r.out.nonce(), inner, head))
	return err
}

// keyUpdate is RFC 8446 section 4.6.3, with the demand for the other direction.
func (r *rawTLS) keyUpdate() error {
	err := r.write(recordHandshake, []byte{24, 0, 0, 1, 1})
	r.out.next()
	return err
}

// record reads one record, and follows new keys.
func (r *rawTLS) record() (kind byte, b []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r.Conn, head); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(r.Conn, body); err != nil {
		return 0, nil, err
	}
	if body, err = r.in.seal.Open(nil, r.in.nonce(), body, head); err != nil {
		return 0, nil, err
	}
	kind, b = body[len(body)-1], body[:len(body)-1]
	if kind == recordHandshake && b[0] == 24 {
		r.in.next()
	}
	return kind, b, nil
}

// answered asks and looks for the word in the answer.
func (r *rawTLS) answered(word string) {
	r.Helper()
	if err := r.write(recordData, pdu(1, OpBindRequest, []byte(word))); err != nil {
		r.Fatal(err)
	}
	if kind, b, err := r.record(); err != nil || kind != recordData || !bytes.Contains(b, []byte(word)) {
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
			if err := c.keyUpdate(); err != nil {
				t.Fatal(err)
			}
			if kind, b, err := c.record(); err != nil || kind != recordHandshake || b[0] != 24 {
				t.Fatalf("record of kind %d: %x, %v", kind, b, err)
			}
			c.answered("in")
		}
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
			if err := c.keyUpdate(); err != nil {
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
			if err := c.keyUpdate(); err != nil {
				break
			}
			if kind, b, err := c.record(); err != nil || kind != recordHandshake || b[0] != 24 {
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
		if err := c.write(recordData, pdu(1, OpBindRequest, []byte("in"))); err != nil {
			t.Fatal(err)
		}
		records := 0
		for ; records < 30; records++ {
			if _, _, err := c.record(); err != nil {
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
