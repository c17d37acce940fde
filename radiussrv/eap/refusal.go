package eap

import (
	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// Refusal is a conversation that came to nothing although the authenticator had
// said yes, or without its being asked: a device that does not trust the server,
// knows no method that is offered, or does not go on.
type Refusal struct {
	Source  identity.Source
	Name    string           // outside, in clear and proven by nothing
	Method  packet.Type      // 0: none was agreed on
	Verdict identity.Verdict // with a person where the authenticator had said yes
	// Accepted says that it had.
	Accepted bool
}

// refused counts and tells of a refusal, once for a conversation.
func (s *Server) refused(c *conversation, v identity.Verdict) {
	if c.told {
		return
	}
	c.told = true
	r := Refusal{Source: c.source, Name: c.outer, Method: c.method, Verdict: v}
	if c.transport != nil {
		if judged := c.transport.Judged(); judged != nil && judged.Outcome == identity.Accepted {
			r.Accepted, r.Verdict.Person, r.Verdict.Login = true, judged.Person, judged.Login
		}
	}
	s.metrics.refusals.WithLabelValues(string(v.Reason)).Inc()
	if s.opts.Refused != nil {
		s.opts.Refused(r)
	}
}

// silent tells of a conversation whose peer did not go on. One that never
// answered us is not worth a word: anybody can begin as many as he likes.
func (s *Server) silent(c *conversation) {
	if c.stage == asked || c.told {
		return
	}
	v := identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonSilent}
	if judged := c.transport.Judged(); judged != nil {
		if judged.Outcome != identity.Accepted {
			return // the no was told
		}
		v = identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonGaveUp}
	}
	s.refused(c, v)
}
