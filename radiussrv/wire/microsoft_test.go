package wire

import (
	"bytes"
	"slices"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/vendors/microsoft"
)

func TestMPPEKeys(t *testing.T) {
	request := ask(t, 7, nil)
	p, err := Parse(request)
	if err != nil {
		t.Fatal(err)
	}
	key := func(n int, first byte) []byte { return append([]byte{first}, bytes.Repeat([]byte{0xab}, n-1)...) }
	for n := minKey; n <= maxKey; n++ {
		send, recv := key(n, 1), key(n, 2)
		reply := &Reply{Code: AccessAccept}
		reply.AddMPPEKeys(send, recv)
		b, err := reply.encode(nil, p, NewPeer(secret, false, nil))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := ParseReply(b, request, secret)
		if err != nil {
			t.Fatal(err)
		}
		gotSend, gotRecv, ok := answer.MPPEKeys(p.Authenticator, secret)
		if !ok || !bytes.Equal(gotSend, send) || !bytes.Equal(gotRecv, recv) {
			t.Errorf("%d bytes came back as %x and %x", n, gotSend, gotRecv)
		}
		if other, _, ok := answer.MPPEKeys(p.Authenticator, []byte("another secret")); ok && bytes.Equal(other, send) {
			t.Error("another secret opens the keys")
		}
		// The codec's own helper is a witness: it reads what we hid.
		theirs, err := radius.Parse(b, secret)
		if err != nil {
			t.Fatal(err)
		}
		if got := microsoft.MSMPPESendKey_Get(theirs, &radius.Packet{Authenticator: p.Authenticator}); !bytes.Equal(got, send) {
			t.Errorf("the codec reads %x", got)
		}
		var salts [][]byte
		for _, value := range answer.Vendor(Microsoft) {
			salts = append(salts, value[:2])
		}
		if len(salts) != 2 || bytes.Equal(salts[0], salts[1]) || salts[0][0]&0x80 == 0 || salts[1][0]&0x80 == 0 {
			t.Errorf("salts %x", salts)
		}
	}
	for _, n := range []int{0, 15, 33} {
		reply := &Reply{Code: AccessAccept}
		reply.AddMPPEKeys(make([]byte, 16), make([]byte, n))
		if _, err := reply.encode(nil, p, NewPeer(secret, false, nil)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	var authenticator [16]byte
	seal := func(key []byte) []byte { return appendKey(nil, key, [2]byte{0x80}, authenticator, secret) }
	good, long := seal(make([]byte, 16)), seal(make([]byte, 15))
	for what, value := range map[string][]byte{
		"nothing": nil, "salt alone": good[:2], "half a block": good[:10], "a key of 15 bytes": long,
		"a length beyond the blocks": seal(make([]byte, 31))[:2+16],
	} {
		if openKey(value, authenticator, secret) != nil {
			t.Errorf("%s is a key", what)
		}
	}
	attr := func(kind byte) []byte { return append(appendVendor(nil, Microsoft, kind, len(good)), good...) }
	once, recv := attr(MSMPPESendKey), attr(MSMPPERecvKey)
	for what, attrs := range map[string][][]byte{
		"one direction": {once}, "one twice": {once, once, recv}, "none": {},
	} {
		p := Packet{}
		p.attrs = slices.Concat(attrs...)
		if _, _, ok := p.MPPEKeys(authenticator, secret); ok {
			t.Errorf("%s: taken", what)
		}
	}
}
