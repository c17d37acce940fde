package radiussrv

import (
	"context"
	"encoding/binary"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/wire"
)

// EAP holds EAP conversations (RFC 3579). One call is one round trip; eap.Server
// is one.
type EAP interface {
	Exchange(ctx context.Context, in eap.Request) eap.Result
}

// eapolHeader is what the way to the peer adds to an EAP packet; Framed-MTU does
// not count it out (RFC 3579 section 2.4).
const eapolHeader = 4

// EAP codes (RFC 3748 section 4).
const (
	eapFailure   = 4
	eapHeaderLen = 4
	maxEAP       = 4096 // no RADIUS packet carries more
)

// eap answers a request that carries EAP-Message. Reply-Message never stands
// beside EAP-Message (RFC 3579 section 2.6.5).
func (s *Server) eap(ctx context.Context, client *Client, r *wire.Received, from identity.Source, message []byte) *wire.Reply {
	p := r.Packet
	if p.Has(wire.UserPassword) || p.Has(wire.CHAPPassword) || !wholeEAP(message) {
		s.said(r, from, resultMalformed, identity.Verdict{Reason: identity.ReasonBadRequest})
		return rejectEAP(client, r, failure(message), identity.Verdict{})
	}
	if s.opts.EAP == nil {
		s.said(r, from, resultEAPRefused, identity.Verdict{Reason: identity.ReasonMethod})
		return rejectEAP(client, r, failure(message), identity.Verdict{})
	}
	if begins(p) && s.stopping.Load() {
		s.metrics.result(resultStopping)
		return nil
	}
	state, _ := p.First(wire.State)
	in := eap.Request{Source: from, Message: message, State: state}
	if mtu, ok := p.Uint32(wire.FramedMTU); ok && mtu > eapolHeader && mtu <= maxEAP {
		in.MTU = int(mtu) - eapolHeader
	}
	out := s.opts.EAP.Exchange(ctx, in)
	switch out.Verdict.Outcome {
	case 0:
		if out.Message == nil {
			return nil // the NAS repeats it by itself
		}
		s.said(r, from, resultChallenge, out.Verdict)
		s.log.eap(out.Alert, client, r.From.Addr())
		reply := r.Reply(wire.AccessChallenge)
		if !out.NotBefore.IsZero() {
			reply.NotBefore = rejectAt(&Client{}, r.At, out.NotBefore)
		}
		if len(out.State) > 0 {
			reply.Add(wire.State, out.State)
		}
		reply.AddEAP(out.Message)
		return reply
	case identity.Accepted:
		reply, err := s.accept(client, r, from, out.Verdict)
		if err == nil {
			if out.MSK != nil {
				// The peer sends with the first half, so the NAS receives with it
				// (RFC 3748 section 7.10, RFC 2548 sections 2.4.2 and 2.4.3).
				reply.AddMPPEKeys(out.MSK[32:], out.MSK[:32])
			}
			s.said(r, from, resultAccepted, out.Verdict)
			reply.AddEAP(out.Message)
			return reply
		}
		s.opts.Logger.Error("an Access-Accept could not be made", "err", err, "request", from.Request)
		out.Verdict.Outcome, out.Message = identity.Unavailable, nil
	}
	s.said(r, from, resultOf(out.Verdict.Outcome), out.Verdict)
	s.log.eap(out.Verdict.Reason, client, r.From.Addr())
	if out.Message == nil {
		out.Message = failure(message)
	}
	return rejectEAP(client, r, out.Message, out.Verdict)
}

// wholeEAP says that the joined message is an EAP-Start or as long as it says
// (RFC 3748 section 4).
func wholeEAP(message []byte) bool {
	return len(message) == 0 || len(message) >= eapHeaderLen && int(binary.BigEndian.Uint16(message[2:4])) == len(message)
}

// failure is the EAP-Failure that answers a message (RFC 3748 section 4.2).
func failure(message []byte) []byte {
	id := byte(0)
	if len(message) >= 2 {
		id = message[1]
	}
	return []byte{eapFailure, id, 0, eapHeaderLen}
}

func rejectEAP(client *Client, r *wire.Received, message []byte, v identity.Verdict) *wire.Reply {
	reply := r.Reply(wire.AccessReject)
	if v.Outcome != identity.Unavailable {
		reply.NotBefore = rejectAt(client, r.At, v.NotBefore)
	}
	reply.AddEAP(message)
	return reply
}
