package eap

import (
	"context"
	"crypto/tls"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

// FuzzExchange puts bytes in the place of one message of a conversation.
func FuzzExchange(f *testing.F) {
	b := newBench(f, nil)
	f.Add(byte(0), byte(2), []byte("\x02\x01\x00\x06\x15\x00"))
	f.Add(byte(4), byte(3), []byte("\x02\x04\x00\x0a\x19\x80\x00\x00\x40\x00"))
	f.Add(byte(6), byte(1), []byte("\x02\x01\x00\x07\x03\x0d\x15"))
	f.Fuzz(func(t *testing.T, way, at byte, message []byte) {
		p := b.peer(t, kinds[int(way)%len(kinds)], tls.VersionTLS13)
		send := b.link(nas)
		n := byte(0)
		_, _ = p.Run(func(m []byte) []byte {
			if n++; n == at%8 {
				if reply := send(message); b.last.Verdict.Outcome != 0 {
					return reply
				}
			}
			return send(m)
		})
		if b.last.Verdict.Outcome != identity.Accepted && b.last.MSK != nil {
			t.Error("keys for nobody")
		}
	})
}

// FuzzInside puts bytes into the tunnel, in the place of one message.
func FuzzInside(f *testing.F) {
	b := newBench(f, nil)
	f.Add(byte(0), byte(0), eaptest.AVP(0, 1, []byte(eaptest.Teacher)))
	f.Add(byte(4), byte(1), []byte{26, 2, 0, 0, 54, 49})
	f.Add(byte(4), byte(3), []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 1})
	f.Add(byte(2), byte(1), eaptest.AVP(0, 79, packet.Packet{Code: packet.Response, Type: packet.MSCHAPv2, Data: []byte{3}}.Bytes()))
	steps := []string{"password", "inner identity", "response", "proven", "result", "inner nak", "empty", "finished"}
	f.Fuzz(func(t *testing.T, way, at byte, message []byte) {
		p := b.peer(t, kinds[int(way)%len(kinds)], tls.VersionTLS12)
		p.Password = "nope"
		if p.Method == packet.TLS {
			p.TLS.Certificates = []tls.Certificate{b.pki.Client(t, "nobody-here", "", p.TLS.Certificates[0].Leaf.NotAfter)}
		}
		if len(message) > 8000 {
			message = message[:8000]
		}
		p.Wrong = func(step string, m []byte) []byte {
			if step == steps[int(at)%len(steps)] {
				return message
			}
			return m
		}
		if o, _ := p.Run(b.link(nas)); o.Success || b.last.Verdict.Outcome == identity.Accepted {
			t.Error("let in")
		}
		b.Exchange(context.Background(), Request{Source: nas, Message: message})
	})
}
