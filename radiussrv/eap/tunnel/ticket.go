package tunnel

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"io"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/resume"
)

// extraTag begins our entry in a ticket, which others may have entries in too
// (tls.SessionState.Extra).
var extraTag = []byte("schoolbridge-eap\x01")

// ticketSealers are what tickets are sealed with (the first) and opened with;
// none while there are no secrets. They are made anew when the secrets change.
func (e *Engine) ticketSealers() []cipher.AEAD {
	if e.opts.Lifetime <= 0 {
		return nil
	}
	generation, secrets := e.opts.Keys(e.opts.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sealers != nil && e.generation == generation {
		return e.sealers
	}
	all := make([]cipher.AEAD, 0, len(secrets))
	for _, secret := range secrets {
		sealer, err := newSealer(secret, e.method.Type().String()+"|"+e.opts.Listener)
		if err != nil {
			return e.sealers // nothing that the next call could not do
		}
		all = append(all, sealer)
	}
	e.sealers, e.generation = all, generation
	return all
}

// newSealer derives AES-256-GCM for the tickets of one method and listener.
func newSealer(secret [32]byte, use string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret[:], nil, "EAP session tickets, AES-256-GCM|"+use, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal puts a fresh nonce before what it seals: random ones are good for 2^32
// tickets of a key (NIST SP 800-38D section 8.3), and keys last for hours.
func seal(sealer cipher.AEAD, clear []byte, random io.Reader) ([]byte, error) {
	nonce := make([]byte, sealer.NonceSize(), sealer.NonceSize()+len(clear)+sealer.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return sealer.Seal(nonce, nonce, clear, nil), nil
}

// open tries every key.
func open(sealers []cipher.AEAD, ticket []byte) (clear []byte, ok bool) {
	for _, sealer := range sealers {
		if n := sealer.NonceSize(); len(ticket) > n {
			if clear, err := sealer.Open(nil, ticket[:n], ticket[n:], nil); err == nil {
				return clear, true
			}
		}
	}
	return nil, false
}

// wrap makes a ticket: the session's state with a handle, sealed. After a full
// handshake the handle is fresh and not worth anything yet, as nobody has signed
// in. A session that was taken up again keeps the one that it came with, and ends
// when that does: there is nothing new to remember.
func (s *Session) wrap(cs tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
	if !cs.DidResume {
		h, err := resume.NewHandle(s.engine.opts.Now(), s.engine.opts.Random)
		if err != nil {
			return nil, err
		}
		s.handle, s.issued = h, true
	}
	state.Extra = append(state.Extra, append(bytes.Clone(extraTag), s.handle[:]...))
	clear, err := state.Bytes()
	if err != nil {
		return nil, err
	}
	return seal(s.sealers[0], clear, s.engine.opts.Random)
}

// unwrap honours a ticket if somebody signed in under its handle, with this
// method, and the authenticator admits the person now. In every other case the
// handshake is a full one.
func (s *Session) unwrap(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	s.taken = nil
	clear, ok := open(s.sealers, ticket)
	if !ok {
		return nil, nil
	}
	state, err := tls.ParseSessionState(clear)
	if err != nil {
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
	s.taken, s.handle = &r, h
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

// record makes the ticket of a full handshake good.
func (s *Session) record(v identity.Voucher) {
	if !s.issued {
		return
	}
	r := resume.Record{Method: s.engine.Type(), Voucher: v, Expires: s.engine.opts.Now().Add(s.engine.opts.Lifetime)}
	if n := len(s.claims); n > 0 && r.Method != packet.TLS {
		r.Name = s.claims[n-1]
	}
	s.engine.opts.Ledger.Record(s.turn.Ctx, s.handle, r)
}
