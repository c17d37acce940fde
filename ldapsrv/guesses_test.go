package ldapsrv

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// until is a connection that is closed when ctx ends.
func until(ctx context.Context) func() (context.Context, context.CancelFunc) {
	return func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
}

// A source has so many wrong tries; then who is wrong waits, and who is right comes
// in after those before him, although the wrong ones never cease.
func TestGuessesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, now := &guesses{}, time.Now
		one := guess{netip.MustParseAddr("192.0.2.1"), "cn=job"}
		heard := func(right bool) bool { return g.heard(until(t.Context()), one, right, now) }
		began := now()
		for range guessLimit {
			if !heard(false) {
				t.Fatal("a wrong one is not heard")
			}
		}
		if now() != began {
			t.Fatal("the first ones wait")
		}
		if g.heard(until(t.Context()), guess{netip.MustParseAddr("192.0.2.2"), "cn=job"}, true, now); now() != began {
			t.Error("another address waits")
		}
		if g.heard(until(t.Context()), guess{one.source, "cn=other"}, true, now); now() != began {
			t.Error("another account waits")
		}
		// Three that go on being wrong, and one that is right.
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		tried := 0
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				for ctx.Err() == nil {
					if g.heard(until(ctx), one, false, now) && ctx.Err() == nil {
						mu.Lock()
						tried++
						mu.Unlock()
					}
				}
			})
		}
		in := 0
		for now().Sub(began) < time.Hour {
			if heard(true) {
				in++
				time.Sleep(guessTime)
			}
		}
		cancel()
		wait.Wait()
		if most := int(time.Hour / guessTime); tried > most+1 || tried < most/2 {
			t.Errorf("%d wrong ones are heard in an hour", tried)
		}
		if in < 20 {
			t.Errorf("the right one comes in %d times in an hour", in)
		}
		time.Sleep(guessLimit * guessTime)
		if began = now(); !heard(false) || !heard(true) || now() != began {
			t.Error("it is not over")
		}
	})
}

// What is right gives no tries back, and however many wait, no more are heard.
func TestGuessesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, now := &guesses{}, time.Now
		one := guess{netip.MustParseAddr("192.0.2.1"), "cn=job"}
		began := now()
		var mu sync.Mutex
		tried := 0
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				for now().Sub(began) < time.Minute {
					if g.heard(until(t.Context()), one, false, now) {
						mu.Lock()
						tried++
						mu.Unlock()
					}
					time.Sleep(serviceDelay) // as an answer takes
				}
			})
		}
		wait.Go(func() {
			for now().Sub(began) < time.Minute {
				g.heard(until(t.Context()), one, true, now)
				time.Sleep(time.Second)
			}
		})
		wait.Wait()
		if most := guessLimit + int((time.Minute+guessPatience)/guessTime); tried > most+1 {
			t.Errorf("%d wrong ones are heard in a minute, %d at most should be", tried, most)
		}
	})
}

// As many as the line takes wait all the time: a right one that comes now and then is never told to go at once, and comes in.
func TestGuessesLineIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, now := &guesses{}, time.Now
		one := guess{netip.MustParseAddr("192.0.2.1"), "cn=job"}
		began := now()
		for range guessLimit {
			g.heard(until(t.Context()), one, false, now)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for range guessLine { // told to go, each dials again, in its own time
			wait.Go(func() {
				for ctx.Err() == nil {
					g.heard(until(ctx), one, false, now)
					time.Sleep(serviceDelay + rand.N(10*time.Second))
				}
			})
		}
		in := 0
		for range 1000 {
			time.Sleep(rand.N(time.Minute))
			at := now()
			switch heard := g.heard(until(t.Context()), one, true, now); {
			case heard:
				in++
			case now() == at:
				t.Fatal("it is told to go at once")
			}
		}
		if in < 50 {
			t.Errorf("it comes in %d times of 1000", in)
		}
		cancel()
		wait.Wait()
		t.Logf("%d of 1000 in %v", in, now().Sub(began))
	})
}

func TestGuessesTable(t *testing.T) {
	g := &guesses{}
	at := func(now time.Time) func() time.Time { return func() time.Time { return now } }
	one := guess{netip.MustParseAddr("192.0.2.1"), "cn=job"}
	for range guessLimit {
		g.take(one, false, testNow)
	}
	if _, left := g.take(one, true, testNow); left != guessTime {
		t.Errorf("the next try comes in %v", left)
	}
	if !g.heard(until(t.Context()), one, true, at(testNow.Add(-24*time.Hour))) {
		t.Error("a clock that was set back locks out")
	}
	for i := range 2 * guessTable {
		one := guess{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "cn=job"}
		g.take(one, i%2 == 0, testNow) // what is right is not counted
		g.take(one, false, testNow)
	}
	if len(g.of) > guessTable {
		t.Errorf("%d are counted", len(g.of))
	}
}

// Over the wire: who waits for a try and hangs up waits no more.
func TestGuessersWhoHangUp(t *testing.T) {
	w := start(t, func(o *Options) { o.PlainBind = PlainLoopback })
	w.server.guesses.patience = time.Hour
	job := guess{netip.MustParseAddr("127.0.0.1"), w.server.serviceOf([]byte(reader)).key}
	for range guessLimit {
		w.server.guesses.take(job, false, w.server.opt.Now())
	}
	waiting := func() int {
		w.server.guesses.mu.Lock()
		defer w.server.guesses.mu.Unlock()
		return len(w.server.guesses.of[job].line)
	}
	comes := func(want int) {
		t.Helper()
		for range 1000 {
			if waiting() == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%d wait, want %d", waiting(), want)
	}
	var conns []*ldap.Conn
	var wait sync.WaitGroup
	for i := range guessLine {
		c := w.dial()
		if i%2 == 0 {
			if err := c.StartTLS(w.client()); err != nil {
				t.Fatal(err)
			}
		}
		conns = append(conns, c)
		wait.Go(func() { _ = c.Bind(reader, "wrong") })
	}
	comes(guessLine)
	for _, c := range conns {
		_ = c.Close()
	}
	comes(0)
	wait.Wait()
}

// Over the wire: tries that cannot come to anything take none from who may come
// in, and certificates do not count.
func TestGuessesFromElsewhere(t *testing.T) {
	const job = "cn=job,ou=services," + testBase
	w := startCertified(t, func(o *Options) {
		o.Services = append(o.Services, Service{DN: job, Password: secret, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	})
	from := func(address string) *ldap.Conn {
		c, err := ldap.DialURL("ldap://"+w.plain, ldap.DialWithDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var wait sync.WaitGroup
	for range guessLimit + 1 {
		elsewhere, c := from("127.0.0.1"), w.over(w.pki.Computer(t, "board-12.example"))
		wait.Go(func() {
			if err := elsewhere.Bind(job, secret); code(err) != ldap.LDAPResultInvalidCredentials {
				t.Errorf("from elsewhere: %v", err)
			}
			if err := c.Bind(device, "guess"); code(err) != ldap.LDAPResultInvalidCredentials {
				t.Errorf("a password for one without: %v", err)
			}
			if err := c.ExternalBind(); err != nil {
				t.Errorf("its certificate: %v", err)
			}
		})
	}
	wait.Wait()
	if w.server.guesses.of != nil {
		t.Error("they are counted")
	}
	for range 2 * guessLimit {
		if err := from("127.0.0.2").Bind(job, secret); err != nil {
			t.Fatal(err)
		}
	}
	for range guessLimit {
		c := w.over(w.pki.Computer(t, "a.boards.example"))
		wait.Go(func() {
			if err := c.Bind(devices, "wrong"); code(err) != ldap.LDAPResultInvalidCredentials {
				t.Errorf("a wrong one: %v", err)
			}
		})
	}
	wait.Wait()
	if _, left := w.server.guesses.take(guess{netip.MustParseAddr("127.0.0.1"), w.server.serviceOf([]byte(devices)).key}, false, w.now); left == 0 {
		t.Error("wrong ones are not counted")
	}
	if err := w.over(w.pki.Computer(t, "a.boards.example")).ExternalBind(); err != nil {
		t.Errorf("a certificate where there is no try left: %v", err)
	}
}
