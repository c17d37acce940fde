package mosru

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

func newTestClient(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: "http://127.0.0.1:1", ClientID: "x", Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t)
		asked, done := 0, make(chan error, 100)
		go1 := func(kind, login string, password identity.Password) {
			go func() {
				_, err := c.fly(t.Context(), kind, login, password, func(ctx context.Context) (person.Profile, error) {
					asked++
					<-ctx.Done()
					return person.Profile{}, errors.New("late")
				})
				done <- err
			}()
			synctest.Wait()
		}
		for range 50 {
			go1("sign_in", "orlovami", "one")
		}
		if asked != 1 {
			t.Fatalf("%d flights for one proof", asked)
		}
		// Lengths are part of the name: "ab"+"c" is not "a"+"bc".
		go1("sign_in", "orlovamio", "ne")
		go1("sign_in", "orlovami", "two")
		go1("profile", "orlovami", "one")
		if asked != 4 {
			t.Fatalf("%d flights for four proofs", asked)
		}
		c.Forget()
		go1("sign_in", "orlovami", "one")
		if asked != 5 {
			t.Fatal("joined a forgotten flight")
		}
		for range 54 {
			if err := <-done; err == nil {
				t.Fatal("no error")
			}
		}
		c.Close()
	})
}

func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t)
		ask := func(context.Context) (person.Profile, error) {
			time.Sleep(time.Second) // the bubble's clock
			return person.Profile{Subject: "s"}, nil
		}
		leaver, cancel := context.WithCancel(t.Context())
		short, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer stop()
		left, late, stayed := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		for ctx, ch := range map[context.Context]chan error{leaver: left, short: late, t.Context(): stayed} {
			go func() {
				p, err := c.fly(ctx, "sign_in", "a", "b", ask)
				if err == nil && p.Subject != "s" {
					err = errors.New("no subject")
				}
				ch <- err
			}()
		}
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, identity.ErrUnreachable) {
			t.Errorf("left: %v", err)
		}
		if err := <-late; !errors.Is(err, identity.ErrUnreachable) {
			t.Errorf("late: %v", err)
		}
		if err := <-stayed; err != nil {
			t.Errorf("stayed: %v", err)
		}
		c.Close()
	})
}

func TestPanicIsAnError(t *testing.T) {
	c := newTestClient(t)
	defer c.Close()
	_, err := c.fly(t.Context(), "sign_in", "a", "b", func(context.Context) (person.Profile, error) { panic("secret") })
	if !errors.Is(err, identity.ErrFault) {
		t.Errorf("%v", err)
	}
}
