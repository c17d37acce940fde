package wire

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// Blast-RADIUS (CVE-2024-3596): whoever sits between client and server sees a
// request, adds a Proxy-State to it that the server will echo in its
// Access-Reject, and with a chosen-prefix collision of MD5 makes an
// Access-Accept of his own words that has the very Response Authenticator of
// that Reject. Message-Authenticator, an HMAC, is out of his reach. The collision
// takes a cluster some minutes; what it gives is granted here.

// collide gives a reply the Response Authenticator that is right for it. Whoever
// finds a collision can do so without the secret.
func collide(reply, request []byte) []byte {
	b := bytes.Clone(reply)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[1] = request[1]
	copy(b[4:headerLen], request[4:headerLen])
	sum := md5.Sum(append(bytes.Clone(b), secret...))
	copy(b[4:headerLen], sum[:])
	return b
}

// sign fills in the Message-Authenticator at an offset, as who knows the key
// does.
func sign(reply, request, key []byte, at int) []byte {
	b := bytes.Clone(reply)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[1] = request[1]
	copy(b[4:headerLen], request[4:headerLen])
	clear(b[at : at+macLen])
	mac := NewPeer(key, false, nil).sum(b)
	copy(b[at:], mac[:])
	return b
}

func TestForgedReplies(t *testing.T) {
	accounting, err := (&Request{Code: AccountingRequest, ID: 3}).Encode(secret)
	if err != nil {
		t.Fatal(err)
	}
	status, err := (&Request{Code: StatusServer, ID: 3, Authenticator: [16]byte{9}}).Encode(secret)
	if err != nil {
		t.Fatal(err)
	}
	grants := attr(TunnelPrivateGroupID, "20")
	empty := attr(MessageAuthenticator, strings.Repeat("\x00", macLen))
	for what, request := range map[string][]byte{
		"a signed request": ask(t, 1, nil), "an unsigned one": ask(t, 2, func(r *Request) { r.Unsigned = true }), "Status-Server": status,
	} {
		p, err := Parse(request)
		if err != nil {
			t.Fatal(err)
		}
		rejected, err := (&Reply{Code: AccessReject}).encode(nil, p, NewPeer(secret, false, nil))
		if err != nil {
			t.Fatal(err)
		}
		honest := attr(MessageAuthenticator, string(rejected[headerLen+2:headerLen+2+macLen]))
		for _, code := range []Code{AccessAccept, AccessReject, AccessChallenge} {
			for how, reply := range map[string][]byte{
				"no Message-Authenticator":         raw(code, grants),
				"nothing at all":                   raw(code),
				"an empty one":                     raw(code, empty, grants),
				"that of the Reject":               raw(code, honest, grants),
				"that of the Reject, at the end":   raw(code, grants, honest),
				"one in a Proxy-State":             raw(code, grants, attr(ProxyState, string(empty))),
				"one that is too short":            raw(code, attr(MessageAuthenticator, "short"), grants),
				"one without a value":              raw(code, []byte{byte(MessageAuthenticator), 2}, grants),
				"two, the Reject's and an empty":   raw(code, honest, empty, grants),
				"signed with no secret":            sign(raw(code, empty, grants), request, nil, headerLen+2),
				"signed for another request":       sign(raw(code, empty, grants), ask(t, 1, nil), secret, headerLen+2),
				"signed, then another code's byte": append([]byte{byte(code) ^ 1}, sign(raw(code, empty, grants), request, secret, headerLen+2)[1:]...),
				"signed, then more rights":         append(sign(raw(code, empty), request, secret, headerLen+2), grants...),
			} {
				if p, err := ParseReply(collide(reply, request), request, secret); !errors.Is(err, ErrForged) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsigned) {
					t.Errorf("%s: a reply (%v) with %s was taken: %+v, %v", what, code, how, p, err)
				}
			}
			// What makes the test one: signed by who knows the secret, it is taken,
			// wherever the attribute stands (RFC 3579 demands no place).
			first := sign(raw(code, empty, grants), request, secret, headerLen+2)
			last := sign(raw(code, grants, empty), request, secret, headerLen+len(grants)+2)
			for _, good := range [][]byte{first, last} {
				if p, err := ParseReply(collide(good, request), request, secret); err != nil || p.Code != code {
					t.Errorf("%s: the server's own reply (%v) is refused: %v", what, code, err)
				}
			}
		}
	}
	// Accounting carries no permission, and its request is proven whole.
	if _, err := ParseReply(collide(raw(AccountingResponse), accounting), accounting, secret); err != nil {
		t.Error(err)
	}
}

// Every answer to every kind of client begins with Message-Authenticator: no
// prefix that somebody chose can stand before it.
func TestEveryReplyIsSignedFirst(t *testing.T) {
	status, err := (&Request{Code: StatusServer, ID: 3}).Encode(secret)
	if err != nil {
		t.Fatal(err)
	}
	for what, request := range map[string][]byte{
		"signed": ask(t, 1, func(r *Request) { r.AddText(ProxyState, "p") }), "unsigned": ask(t, 2, func(r *Request) { r.Unsigned = true }), "Status-Server": status,
	} {
		p, err := Parse(request)
		if err != nil {
			t.Fatal(err)
		}
		for kind, peer := range map[string]*Peer{
			"strict": NewPeer(secret, false, nil), "optional": NewPeer(secret, true, nil), "RadSec": NewTunnelPeer(nil),
		} {
			for _, code := range []Code{AccessAccept, AccessReject, AccessChallenge, AccountingResponse} {
				reply := &Reply{Code: code}
				reply.AddText(ReplyMessage, "words")
				reply.AddMPPEKeys(make([]byte, 32), make([]byte, 32))
				reply.AddVendor(Microsoft, MSCHAPError, []byte("x"))
				reply.AddEAP(make([]byte, 300))
				b, err := reply.encode(nil, p, peer)
				if err != nil {
					t.Fatal(err)
				}
				if b[headerLen] != byte(MessageAuthenticator) {
					t.Errorf("%v to a %s client's %s request begins with attribute %d", code, kind, what, b[headerLen])
				}
				if _, err := ParseReply(b, request, peer.secret); err != nil {
					t.Errorf("%v to a %s client's %s request: %v", code, kind, what, err)
				}
			}
		}
	}
}

// The collision needs a Proxy-State that is echoed: without a signature none is
// taken, from no client on the network.
func TestNoProxyStateUnsigned(t *testing.T) {
	unsigned := func(r *Request) { r.Unsigned = true }
	smuggled := func(r *Request) { r.Unsigned = true; r.AddText(ProxyState, "collision blocks") }
	for _, c := range []struct {
		what    string
		peer    *Peer
		change  func(*Request)
		answers bool
	}{
		{"strict", NewPeer(secret, false, nil), smuggled, false},
		{"strict, no Proxy-State", NewPeer(secret, false, nil), unsigned, false},
		{"strict, signed", NewPeer(secret, false, nil), func(r *Request) { r.AddText(ProxyState, "a proxy's") }, true},
		{"optional", NewPeer(secret, true, nil), smuggled, false},
		{"optional, no Proxy-State", NewPeer(secret, true, nil), unsigned, true},
		{"optional, EAP", NewPeer(secret, true, nil), func(r *Request) { r.Unsigned = true; r.AddText(EAPMessage, "\x02\x01\x00\x04") }, false},
		{"inside TLS, where nobody smuggles", NewTunnelPeer(nil), smuggled, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			bubble(t, accept, Options{}, func(s *Server, events *tally) {
				tap := newTap(Authentication)
				d := s.buffers.Get().(*datagram)
				d.n = copy(d.buf[:], ask(t, 1, c.change))
				d.link, d.from, d.At, d.Peer = tap, netip.MustParseAddrPort(nas), s.opts.Now(), c.peer
				if s.take(d, nil) {
					s.release(d)
				}
				if reply := tap.next(); (reply != nil) != c.answers {
					t.Errorf("answered: %x", reply)
				}
				if dropped := events.dropped(DropUnsigned); (dropped == 1) == c.answers {
					t.Errorf("%d counted as unsigned", dropped)
				}
			})
		})
	}
}
