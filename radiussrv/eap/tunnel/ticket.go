package tunnel

import (
	"bytes"
	"crypto/tls"
	"io"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/resume"
)

// extraTag begins our entry in a ticket, which others may have entries in too
// (tls.SessionState.Extra).
var extraTag = []byte("schoolbridge-eap\x01")

// wrap makes a ticket: the session's state with a fresh handle, sealed. Nobody
// has signed in yet, so the handle is not worth anything yet.
func (s *Session) wrap(cs tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
	var h resume.Handle
	if _, err := io.ReadFull(s.engine.opts.Random, h[:]); err != nil {
		return nil, err
	}
	state.Extra = append(state.Extra, append(bytes.Clone(extraTag), h[:]...))
	s.issued = &h
	return s.config.EncryptTicket(cs, state)
}

// unwrap honours a ticket if somebody signed in under its handle, with this
// method, and the authenticator admits the person now. In every other case the
// handshake is a full one.
func (s *Session) unwrap(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
	s.taken = nil
	if len(ticket) == 0 {
		return nil, nil
	}
	state, err := s.config.DecryptTicket(ticket, cs)
	if state == nil || err != nil {
		return nil, nil
	}
	h, ok := handleOf(state.Extra)
	if !ok {
		return nil, nil
	}
	r, ok := s.engine.opts.Ledger.Find(s.turn.Ctx, h, s.engine.opts.Now())
	if !ok || r.Method != s.engine.Type() {
		return nil, nil
	}
	// With EAP-TLS the certificate is the proof, and judged again.
	if r.Method != packet.TLS && !s.engine.opts.Auth.Resumable(s.turn.Ctx, r.Voucher, identity.ChannelWiFi, s.turn.Source) {
		return nil, nil
	}
	s.taken = &r
	return state, nil
}

func handleOf(extra [][]byte) (h resume.Handle, ok bool) {
	for _, e := range extra {
		if rest, found := bytes.CutPrefix(e, extraTag); found && len(rest) == len(h) {
			return resume.Handle(rest), true
		}
	}
	return h, false
}

// Resumed gives the verdict on a session that was taken up again: whoever
// completed its handshake holds the ticket's secret.
func (s *Session) Resumed() (identity.Verdict, bool) {
	if !s.resumed || s.taken == nil {
		return identity.Verdict{}, false
	}
	if s.taken.Name != "" {
		s.Claim(s.taken.Name)
	}
	v := s.engine.opts.Auth.Resume(s.turn.Ctx, s.taken.Voucher, identity.ChannelWiFi, s.turn.Source)
	if v.Outcome == 0 {
		v.Outcome = identity.Unavailable
	}
	s.judged = &v
	return v, true
}

// record makes the session's ticket good. What follows a full handshake ends
// when the first ticket would.
func (s *Session) record(v identity.Voucher) {
	if s.issued == nil {
		return
	}
	r := resume.Record{Method: s.engine.Type(), Voucher: v, Expires: s.engine.opts.Now().Add(s.engine.opts.Lifetime)}
	if s.resumed && s.taken != nil {
		r.Expires = s.taken.Expires
	}
	if n := len(s.claims); n > 0 && r.Method != packet.TLS {
		r.Name = s.claims[n-1]
	}
	s.engine.opts.Ledger.Record(s.turn.Ctx, *s.issued, r)
}
