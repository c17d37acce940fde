package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"testing"
)

// dynamicReply is computed by the RFC's words alone. Its Message-Authenticator,
// where it has one, is computed over the given authenticator.
func dynamicReply(request []byte, code byte, secret string, over []byte, attributes ...byte) []byte {
	b := append([]byte{code, request[1], 0, 0}, request[4:20]...)
	if over != nil {
		b = append(b, append([]byte{80, 18}, make([]byte, 16)...)...)
	}
	b = append(b, attributes...)
	b[3] = byte(len(b))
	if over != nil {
		copy(b[4:20], over)
		h := hmac.New(md5.New, []byte(secret))
		h.Write(b)
		h.Sum(b[22:22])
		copy(b[4:20], request[4:20])
	}
	sum := md5.Sum(append(bytes.Clone(b), secret...))
	copy(b[4:20], sum[:])
	return b
}

// RFC 5176 section 3.4 computes the Message-Authenticator of an answer over the
// request's authenticator, FreeRADIUS 3 over zeros.
func TestMessageAuthenticatorOfDynamicAnswers(t *testing.T) {
	const secret = "a secret"
	for _, code := range []Code{DisconnectRequest, CoARequest} {
		request, err := (&Request{Code: code, ID: 9}).Encode([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.Repeat([]byte{7}, 16)
		for name, c := range map[string]struct {
			reply []byte
			want  error
		}{
			"without one":           {dynamicReply(request, byte(code)+1, secret, nil), nil},
			"the request's":         {dynamicReply(request, byte(code)+1, secret, request[4:20]), nil},
			"zeros":                 {dynamicReply(request, byte(code)+1, secret, make([]byte, 16)), nil},
			"another authenticator": {dynamicReply(request, byte(code)+1, secret, other), ErrForged},
			"another secret":        {dynamicReply(request, byte(code)+1, "guessed", request[4:20]), ErrForged},
			"another identifier":    {append([]byte{byte(code) + 1, 8}, dynamicReply(request, byte(code)+1, secret, nil)[2:]...), ErrForged},
			"cut short":             {dynamicReply(request, byte(code)+1, secret, nil)[:19], ErrMalformed},
		} {
			if _, err := ParseReply(c.reply, request, []byte(secret)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%v, %s: %v", code, name, err)
			}
		}
	}
}

// What comes back over a RadSec connection breaks nothing and is taken for an
// answer only if it is one.
func FuzzDynamicAnswer(f *testing.F) {
	request, err := (&Request{Code: CoARequest}).encode(radsecPeer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(dynamicReply(request, byte(CoAACK), radsecSecret, nil))
	f.Add(dynamicReply(request, byte(CoANAK), radsecSecret, request[4:20], 101, 6, 0, 0, 1, 0x95))
	f.Add(dynamicReply(request, byte(DisconnectACK), "guessed", nil))
	f.Add(request)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerLen {
			return // the reader has a whole header
		}
		var a asking
		p, err := a.begin(&Request{Code: CoARequest}, radsecPeer)
		if err != nil {
			t.Fatal(err)
		}
		taken := a.take(bytes.Clone(b), radsecPeer)
		select {
		case o := <-p.answer:
			if _, err := ParseReply(bytes.Clone(b), request, []byte(radsecSecret)); err != nil || o.err != nil || !taken {
				t.Errorf("taken for an answer: %v, %v", err, o.err)
			}
		default:
			if b[1] == 0 && taken {
				t.Error("a forgery is passed over in silence")
			}
		}
	})
}
