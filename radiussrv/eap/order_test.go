package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

// TestLostAndRepeated: every message twice, some with other identifiers between,
// change nothing.
func TestLostAndRepeated(t *testing.T) {
	b := newBench(t, func(o *Options) { o.RoundTrips = 400 })
	each(t, func(t *testing.T, k kind, version uint16) {
		var state, reply []byte
		p := b.peer(t, k, version)
		p.Fragment = 200
		o, err := p.Run(func(m []byte) []byte {
			again := bytes.Clone(m)
			in := Request{Source: nas, Message: m, State: state}
			if state != nil {
				wrong := bytes.Clone(m)
				wrong[1] += 7
				before := b.Exchange(t.Context(), Request{Source: nas, Message: wrong, State: state})
				if !bytes.Equal(before.Message, reply) || !bytes.Equal(before.State, state) {
					t.Fatal("another identifier gets another answer")
				}
			}
			out := b.Exchange(t.Context(), in)
			b.last = out
			if out.Verdict.Outcome == 0 && state != nil {
				in.Message = again
				if second := b.Exchange(t.Context(), in); !bytes.Equal(second.Message, out.Message) {
					t.Fatal("a repeated response gets another answer")
				}
			}
			state, reply = out.State, out.Message
			return out.Message
		})
		if err != nil || !o.Success || o.MSK != *b.last.MSK {
			t.Fatalf("%+v %v", o, err)
		}
	})
}

// TestStateIsBound: it is worth nothing to another NAS, nor later.
func TestStateIsBound(t *testing.T) {
	b := newBench(t, nil)
	open := func() (Request, Result) {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: packet.Packet{Code: packet.Response, Type: packet.Identity, Data: []byte("x")}.Bytes()})
		r := packet.Packet{Code: packet.Response, ID: 1, Type: packet.PEAP, Data: []byte{0}}
		return Request{Source: nas, Message: r.Bytes(), State: out.State}, out
	}
	for name, change := range map[string]func(*Request){
		"another NAS":     func(r *Request) { r.Source.NAS = "yard" },
		"another address": func(r *Request) { r.Source.Addr = netip.MustParseAddr("127.0.0.2") },
		"another state":   func(r *Request) { r.State[3] ^= 1 },
		"a short state":   func(r *Request) { r.State = r.State[:7] },
		"much later":      func(*Request) { b.skew.Add(int64(time.Hour)) },
	} {
		in, _ := open()
		change(&in)
		if out := b.Exchange(t.Context(), in); out.Verdict.Outcome != identity.Unavailable || out.Verdict.Reason != identity.ReasonConversation {
			t.Errorf("%s: %+v", name, out.Verdict)
		}
	}
	first, one := open()
	_, two := open()
	if bytes.Equal(one.State, two.State) {
		t.Error("two conversations have one state")
	}
	first.Message = packet.Packet{Code: packet.Response, Type: packet.Identity, ID: 1, Data: []byte("x")}.Bytes()
	if out := b.Exchange(t.Context(), first); !bytes.Equal(out.Message, one.Message) {
		t.Error("another type than asked for has an effect")
	}
}

func TestMalformed(t *testing.T) {
	b := newBench(t, nil)
	for _, m := range []string{"\x02", "\x02\x01\x00\x05", "\x01\x01\x00\x05\x01", "\x03\x01\x00\x04", "\x02\x01\x00\x05\x03", "\x02\x01\x00\x06\x01\xff"} {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: []byte(m)})
		if out.Verdict.Outcome != identity.Malformed || out.Message[0] != byte(packet.Failure) {
			t.Errorf("%x: %+v", m, out)
		}
	}
	if b.table.size() != 0 {
		t.Error("conversations are left")
	}
}

// TestOutOfOrder breaks every step of every way, in several fashions. Nobody is
// let in, and every conversation ends.
func TestOutOfOrder(t *testing.T) {
	b := newBench(t, nil)
	fashions := map[string]func(step string, b []byte) []byte{
		"empty":   func(string, []byte) []byte { return nil },
		"garbage": func(string, []byte) []byte { return []byte("\x17\x03\x03\x00\x05hello") },
		"twice":   func(_ string, b []byte) []byte { return append(bytes.Clone(b), b...) },
		"cut":     func(_ string, b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(_ string, b []byte) []byte {
			c := bytes.Clone(b)
			for i := range c {
				c[i] ^= 0x55
			}
			return c
		},
	}
	// What cannot be printed is nobody's name and as good as none; what stands
	// behind an acknowledgement or is named twice says nothing.
	harmless := []string{"inner identity twice", "proven twice", "inner nak twice"}
	each(t, func(t *testing.T, k kind, version uint16) {
		var steps []string
		learn := b.peer(t, k, version)
		learn.Wrong = func(step string, b []byte) []byte {
			if step != "identity" && len(b) > 0 {
				steps = append(steps, step)
			}
			return b
		}
		b.signsIn(t, learn, false)
		for _, at := range steps {
			for how, change := range fashions {
				if slices.Contains(harmless, at+" "+how) {
					continue
				}
				p := b.peer(t, k, version)
				p.Wrong = func(step string, b []byte) []byte {
					if step == at {
						return change(step, b)
					}
					return b
				}
				o, _ := p.Run(b.link(nas))
				if o.Success || b.last.MSK != nil || b.last.Verdict.Outcome == identity.Accepted {
					t.Errorf("%s %s: let in", at, how)
				}
			}
		}
	})
}

// TestInnerOrder: messages that are right elsewhere.
func TestInnerOrder(t *testing.T) {
	b := newBench(t, nil)
	for name, c := range map[string]struct {
		k    kind
		at   string
		says []byte
	}{
		"success before the challenge is answered": {kinds[4], "response", []byte{26, 3}},
		"failure before the challenge is answered": {kinds[4], "response", []byte{26, 4}},
		"change of the password":                   {kinds[4], "response", append([]byte{26, 7, 0, 0, 6}, make([]byte, 60)...)},
		"result instead of an answer":              {kinds[4], "response", []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 1}},
		"failure for a success":                    {kinds[4], "proven", []byte{26, 4}},
		"nak for a success":                        {kinds[4], "proven", []byte{3, 6}},
		"result says failure":                      {kinds[4], "result", []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}},
		"result without a result":                  {kinds[4], "result", []byte{2, 1, 0, 5, 33}},
		"two identities":                           {kinds[4], "response", []byte{1, 'x'}},
		"nak of nothing":                           {kinds[5], "inner nak", []byte{3, 0}},
		"nak of the same":                          {kinds[5], "inner nak", []byte{3, 26}},
		"two ways at once": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(0, 2, []byte("x"))...),
			eaptest.AVP(0, 3, []byte("x"))...)},
		"two passwords": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(0, 2, []byte("nope"))...),
			eaptest.AVP(0, 2, []byte(eaptest.TeacherPassword))...)},
		"a challenge of the peer's": {kinds[1], "response", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(311, 11, make([]byte, 16))...),
			eaptest.AVP(311, 25, make([]byte, 50))...)},
		"a mandatory AVP that nobody knows": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)),
			eaptest.AVP(0, 2, []byte(eaptest.TeacherPassword))...), eaptest.AVP(0, 999, nil)...)},
	} {
		for _, version := range versions {
			p := b.peer(t, c.k, version)
			p.Wrong = func(step string, b []byte) []byte {
				if step == c.at {
					return c.says
				}
				return b
			}
			o, err := p.Run(b.link(nas))
			if o.Success || b.last.MSK != nil || b.last.Verdict.Outcome == identity.Accepted || b.last.Verdict.Outcome == 0 {
				t.Errorf("%s: %+v %v %+v", name, o, err, b.last.Verdict)
			}
			if strings.HasPrefix(name, "change") && !strings.HasPrefix(o.Error, "E=709 R=0") {
				t.Errorf("the change of a password is answered with %q", o.Error)
			}
		}
	}
	if b.table.size() != 0 {
		t.Error("conversations are left")
	}
}

func TestRoundTripsAreCounted(t *testing.T) {
	b := newBench(t, func(o *Options) { o.RoundTrips = 5 })
	p := b.peer(t, kinds[0], tls.VersionTLS12)
	p.Fragment = 20
	b.refused(t, p, identity.Malformed, identity.ReasonRoundTrips)
	if b.table.size() != 0 {
		t.Error("the conversation is left")
	}
}

// TestBusy: while an answer is being found, a second message of the same
// conversation is dropped, and another conversation goes on.
func TestBusy(t *testing.T) {
	b := newBench(t, nil)
	blocked, release := make(chan struct{}), make(chan struct{})
	first := atomic.Bool{}
	b.school.Block = func(context.Context) {
		if first.CompareAndSwap(false, true) {
			close(blocked)
			<-release
		}
	}
	state := atomic.Pointer[[]byte]{}
	done := make(chan error)
	go func() {
		p := b.peer(t, kinds[0], tls.VersionTLS13)
		o, err := p.Run(func(m []byte) []byte {
			in := Request{Source: nas, Message: m}
			if s := state.Load(); s != nil {
				in.State = *s
			}
			out := b.Exchange(context.Background(), in)
			state.Store(&out.State)
			return out.Message
		})
		if err == nil && !o.Success {
			err = fmt.Errorf("refused: %+v", o)
		}
		done <- err
	}()
	<-blocked
	r := packet.Packet{Code: packet.Response, ID: 2, Type: packet.TTLS, Data: []byte{0}}
	if out := b.Exchange(t.Context(), Request{Source: nas, Message: r.Bytes(), State: *state.Load()}); out.Message != nil || out.Verdict.Outcome != 0 {
		t.Errorf("answered with %+v", out)
	}
	b.signsIn(t, b.peer(t, kinds[4], tls.VersionTLS12), false)
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
