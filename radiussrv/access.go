package radiussrv

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// Values of the tunnel attributes for a VLAN (RFC 3580 section 3.31).
const (
	tunnelVLAN     = 13
	tunnelIEEE802  = 6
	maxReplyBytes  = 253
	maxMessages    = 2
	maxFilterBytes = 253
)

// access answers an Access-Request.
func (s *Server) access(ctx context.Context, client *Client, r *wire.Received) *wire.Reply {
	ctx, cancel := s.within(ctx, r)
	defer cancel()
	if message, ok := r.Packet.EAP(); ok {
		return s.eap(ctx, client, r, source(client, r, requestID()), message)
	}
	reply, _ := s.signIn(client, r, func(c identity.Credential) (identity.Verdict, bool) {
		return s.opts.Auth.Authenticate(ctx, c), true
	})
	return reply
}

// decide asks whether a credential is accepted; false: that cannot be told so.
type decide func(identity.Credential) (identity.Verdict, bool)

// signIn answers an Access-Request without EAP, unless it cannot be decided.
func (s *Server) signIn(client *Client, r *wire.Received, ask decide) (*wire.Reply, bool) {
	p := r.Packet
	from := source(client, r, requestID())
	name, ok := userName(p)
	if address, ok := bypassed(r, name); ok {
		return s.bypass(client, r, from, name, address, ask)
	}
	m := readMicrosoft(p)
	switch {
	case !ok || p.Count(wire.UserPassword)+p.Count(wire.CHAPPassword)+m.ways() != 1:
		// One way to prove oneself (RFC 2865 section 4.1: never both).
		return s.refuse(client, r, from, resultMalformed, identity.ReasonBadRequest), true
	case p.Has(wire.CHAPPassword):
		return s.refuse(client, r, from, resultCHAP, identity.ReasonMethod), true
	case m.v1 > 0:
		return s.refuse(client, r, from, resultMSCHAP, identity.ReasonMethod), true
	case m.ways() > 0 && !m.whole():
		return s.refuse(client, r, from, resultMalformed, identity.ReasonBadRequest), true
	case m.change > 0:
		return s.refuseChange(client, r, from, &m), true
	case machine(name):
		return s.refuse(client, r, from, resultMachine, identity.ReasonMachineAccount), true
	case m.v2 > 0:
		return s.mschap2(client, r, from, name, &m, ask)
	}
	clear, ok := p.Password(r.Peer.Secret())
	if !ok || !utf8.Valid(clear) {
		// Without Message-Authenticator another secret shows only here.
		if !r.Signed {
			s.log.garbled(client, r.From.Addr())
		}
		return s.refuse(client, r, from, resultMalformed, identity.ReasonBadRequest), true
	}
	v, ok := ask(identity.Credential{Name: name, Proof: identity.Password(clear), Channel: identity.ChannelWiFi, Source: from})
	if !ok {
		return nil, false
	}
	return s.decided(client, r, from, v), true
}

// userName takes the one User-Name, as readable text (RFC 2865 section 5.1).
func userName(p *wire.Packet) (string, bool) {
	name := p.Text(wire.UserName)
	return name, name != "" && printable(name) && p.Count(wire.UserName) == 1
}

// machine says that Windows signs in the computer itself.
func machine(name string) bool {
	return len(name) >= 5 && strings.EqualFold(name[:5], "host/")
}

// decided turns a verdict into a reply to whoever spoke no EAP.
func (s *Server) decided(client *Client, r *wire.Received, from identity.Source, v identity.Verdict) *wire.Reply {
	switch v.Outcome {
	case identity.Accepted:
		reply, err := s.accept(client, r, from, v)
		if err != nil {
			s.opts.Logger.Error("an Access-Accept could not be made", "err", err, "request", from.Request)
			return s.unavailable(r, from, v)
		}
		addText(reply, wire.ReplyMessage, s.opts.Messages.Accepted)
		s.said(r, from, resultAccepted, v)
		return reply
	case identity.Rejected:
		s.said(r, from, resultRejected, v)
	case identity.Malformed:
		s.said(r, from, resultMalformed, v)
	default: // and a verdict that is none
		return s.unavailable(r, from, v)
	}
	return s.reject(client, r, v.NotBefore)
}

// refuse rejects what the authenticator is not asked about.
func (s *Server) refuse(client *Client, r *wire.Received, from identity.Source, what result, why identity.Reason) *wire.Reply {
	v := identity.Verdict{Outcome: identity.Rejected, Reason: why}
	s.said(r, from, what, v)
	s.refused(r, from, what, v)
	return s.reject(client, r, time.Time{})
}

// refused tells who keeps what was refused.
func (s *Server) refused(r *wire.Received, from identity.Source, what result, v identity.Verdict) {
	if s.opts.Refused == nil {
		return
	}
	name, ok := userName(r.Packet)
	if !ok {
		name = ""
	}
	s.opts.Refused(name, map[result]string{resultCHAP: "chap", resultMSCHAP: "mschap"}[what], from, v)
}

// reject says no, in the same words whatever the reason was.
func (s *Server) reject(client *Client, r *wire.Received, notBefore time.Time) *wire.Reply {
	reply := r.Reply(wire.AccessReject)
	reply.NotBefore = rejectAt(client, r.At, notBefore)
	addText(reply, wire.ReplyMessage, s.opts.Messages.Rejected)
	return reply
}

// unavailable says no at once: nobody did anything wrong.
func (s *Server) unavailable(r *wire.Received, from identity.Source, v identity.Verdict) *wire.Reply {
	s.said(r, from, resultUnavailable, v)
	reply := r.Reply(wire.AccessReject)
	addText(reply, wire.ReplyMessage, s.opts.Messages.Unavailable)
	return reply
}

// rejectAt is when a reject leaves: counted from the request's arrival, so that
// the time that the decision took does not show; up to a tenth is chance; and
// never later than a NAS waits.
func rejectAt(client *Client, arrived, notBefore time.Time) time.Time {
	delay := client.RejectDelay
	if delay > 0 {
		delay += rand.N(delay/10 + 1)
	}
	at := arrived.Add(delay)
	if notBefore.After(at) {
		at = notBefore
	}
	if limit := arrived.Add(answerWithin); at.After(limit) {
		at = limit
	}
	return at
}

// accept makes what every Access-Accept carries, whatever the method was.
func (s *Server) accept(client *Client, r *wire.Received, from identity.Source, v identity.Verdict) (*wire.Reply, error) {
	now := s.opts.Now()
	class, err := s.class.seal(signIn{person: v.Person, epoch: v.Voucher.Epoch, given: v.Grant.Given(now, now), client: client.named(), ssid: from.SSID, basis: v.Basis})
	if err != nil {
		return nil, err
	}
	reply := r.Reply(wire.AccessAccept)
	// The canonical login (RFC 2865 section 5.1): accounting will carry it.
	reply.AddText(wire.UserName, string(v.Login))
	reply.Add(wire.Class, class)
	addGrant(reply, client.Vendor, v.Grant)
	if d := s.opts.Interim; d > 0 {
		reply.AddUint32(wire.AcctInterimInterval, uint32(d/time.Second)) // RFC 2869 section 5.16
	}
	// A NAS that asks who pays sends a NUL, or what it was told before (RFC 4372
	// section 2.1): only such a one gets to know.
	if s.opts.ChargeKey != nil && !v.Person.IsZero() && r.Packet.Has(wire.ChargeableUserIdentity) {
		reply.AddText(wire.ChargeableUserIdentity, chargeable(s.opts.ChargeKey, v.Person))
	}
	return reply, nil
}

// addGrant says what a session may, in an Access-Accept and in a CoA-Request.
func addGrant(reply *wire.Reply, vendor Vendor, g identity.Grant) {
	vlan := g.VLANName
	if n := g.VLAN; n > 0 && n < 4095 {
		vlan = strconv.Itoa(int(n))
	}
	if vlan != "" {
		// No tag on any of the three: one tunnel needs none (RFC 2868 section
		// 3.6 takes a first byte above 0x1F as text).
		reply.AddUint32(wire.TunnelType, tunnelVLAN)
		reply.AddUint32(wire.TunnelMediumType, tunnelIEEE802)
		reply.AddText(wire.TunnelPrivateGroupID, vlan)
	}
	addSeconds(reply, wire.SessionTimeout, g.SessionTimeout)
	addSeconds(reply, wire.IdleTimeout, g.IdleTimeout)
	reply.AddText(wire.FilterID, clip(g.Filter, maxFilterBytes))
	addVendor(reply, vendor, g)
}

// chargeable is a person's Chargeable-User-Identity: the same at every sign-in,
// at every NAS and on every replica with the key, and nobody without it can
// tell whose it is.
func chargeable(key *[32]byte, person identity.PersonID) string {
	h := hmac.New(sha256.New, key[:])
	h.Write(person[:])
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// addSeconds sends a time in whole seconds, rounded up; 0 is none.
func addSeconds(reply *wire.Reply, t wire.Type, d time.Duration) {
	if d > 0 {
		reply.AddUint32(t, uint32(min((d+time.Second-1)/time.Second, 1<<31-1)))
	}
}

// addText sends text in at most two attributes, never cutting a letter in two:
// each is shown by itself (RFC 2865 section 5.18).
func addText(reply *wire.Reply, t wire.Type, text string) {
	for range maxMessages {
		part := clip(text, maxReplyBytes)
		reply.AddText(t, part)
		text = text[len(part):]
	}
}

// clip takes as much of s as fits into n bytes of whole letters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// said counts and, where somebody wants to see it, logs an answer. The name
// that was typed stays out of it.
func (s *Server) said(r *wire.Received, from identity.Source, what result, v identity.Verdict) {
	s.metrics.result(what)
	if what == resultRejected {
		s.log.refusal(r.Peer.Owner().(*Client), r.From.Addr())
	}
	if !s.opts.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	person := ""
	if !v.Person.IsZero() {
		person = v.Person.String()
	}
	s.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, "RADIUS sign-in answered",
		slog.String("request", from.Request), slog.String("client", from.NAS), slog.String("result", what.String()),
		slog.String("reason", string(v.Reason)), slog.String("person", person),
		slog.Duration("took", s.opts.Now().Sub(r.At)))
}
