package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// raw builds a packet from attributes as they are.
func raw(code Code, attrs ...[]byte) []byte {
	b := make([]byte, headerLen)
	b[0], b[1] = byte(code), 1
	for i := 4; i < headerLen; i++ {
		b[i] = byte(i)
	}
	for _, a := range attrs {
		b = append(b, a...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// attr writes one attribute with a right length.
func attr(t Type, value string) []byte {
	return append([]byte{byte(t), byte(len(value) + 2)}, value...)
}

func length(b []byte, n int) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	return b
}

func TestLengths(t *testing.T) {
	whole := raw(AccessRequest, attr(UserName, "a"))
	mac := attr(MessageAuthenticator, strings.Repeat("m", 16))
	for _, c := range []struct {
		what string
		b    []byte
		ok   bool
	}{
		{"a whole packet", whole, true},
		{"padding behind it", append(bytes.Clone(whole), "padding"...), true},
		{"nothing", nil, false},
		{"half a header", whole[:19], false},
		{"a header alone", raw(AccessRequest), true},
		{"length below the header's", length(whole, 19), false},
		{"length beyond the datagram", length(whole, len(whole)+1), false},
		{"length beyond 4096", length(append(whole, make([]byte, 5000)...), 4097), false},
		{"length that cuts an attribute", length(whole, len(whole)-1), false},
		{"length that cuts after a type", length(whole, headerLen+1), false},
		{"an attribute of length 0", raw(AccessRequest, []byte{1, 0}), false},
		{"an attribute of length 1", raw(AccessRequest, []byte{1, 1}), false},
		{"an attribute without value", raw(AccessRequest, []byte{1, 2}), true},
		{"an attribute that runs over the end", raw(AccessRequest, []byte{1, 4, 0}), false},
		{"one Message-Authenticator", raw(AccessRequest, mac), true},
		{"two of them", raw(AccessRequest, mac, mac), false},
		{"a short one", raw(AccessRequest, attr(MessageAuthenticator, "short")), false},
		{"200 attributes", raw(AccessRequest, bytes.Repeat([]byte{1, 2}, 200)), true},
		{"201 attributes", raw(AccessRequest, bytes.Repeat([]byte{1, 2}, 201)), false},
		{"16 Proxy-States", raw(AccessRequest, bytes.Repeat(attr(ProxyState, "p"), 16)), true},
		{"17 Proxy-States", raw(AccessRequest, bytes.Repeat(attr(ProxyState, "p"), 17)), false},
		{"Proxy-States of half a packet", raw(AccessRequest, bytes.Repeat(attr(ProxyState, strings.Repeat("p", 253)), 9)), false},
	} {
		if _, err := Parse(c.b); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestPassword(t *testing.T) {
	for _, c := range []struct {
		clear string
		ok    bool
	}{
		{"", true},
		{"x", true},
		{"Снегирь-2021", true},
		{strings.Repeat("a", 15), true},
		{strings.Repeat("b", 16), true},
		{strings.Repeat("c", 17), true},
		{strings.Repeat("d", 127), true},
		{strings.Repeat("e", 128), true},
		{"cut\x00here", false},
	} {
		p, err := Parse(ask(t, 1, func(r *Request) {
			r.attrs = nil
			if err := r.AddPassword([]byte(c.clear), secret); err != nil {
				t.Fatal(err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := p.Password(secret)
		if ok != c.ok || ok && string(got) != c.clear {
			t.Errorf("%q came out as %q, %v", c.clear, got, ok)
		}
	}
	for _, size := range []int{0, 1, 15, 17, 129, 144, 253} {
		p, err := Parse(raw(AccessRequest, attr(UserPassword, strings.Repeat("x", size))))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.Password(secret); ok {
			t.Errorf("a hidden password of %d bytes was taken", size)
		}
	}
	twice := attr(UserPassword, strings.Repeat("x", 16))
	p, _ := Parse(raw(AccessRequest, twice, twice))
	if _, ok := p.Password(secret); ok {
		t.Error("two passwords were taken")
	}
}

func TestVendorAttributes(t *testing.T) {
	microsoft := string([]byte{0, 0, 1, 55})
	for _, c := range []struct{ value, want string }{
		{microsoft + "\x19\x03x", "25=x "},
		{microsoft + "\x01\x03x\x19\x04yz", "1=x 25=yz "},
		{microsoft, ""},
		{microsoft + "\x19", ""},
		{microsoft + "\x19\x00\x19\x02", ""},
		{microsoft + "\x19\xff", ""},
		{microsoft + "\x01\x02\x01\x01\x19\x02", "1= "},
		{"\x00\x00\x01", ""},
		{"\x00\x00\x01\x38\x19\x03x", ""},
	} {
		p, err := Parse(raw(AccessRequest, attr(VendorSpecific, c.value)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for kind, value := range p.Vendor(Microsoft) {
			got += fmt.Sprintf("%d=%s ", kind, value)
		}
		if got != c.want {
			t.Errorf("%x: %q, want %q", c.value, got, c.want)
		}
	}
}

func TestReplyLayout(t *testing.T) {
	request := ask(t, 42, func(r *Request) {
		for _, state := range []string{"one", "two", "one"} {
			r.AddText(ProxyState, state)
		}
	})
	p, err := Parse(request)
	if err != nil {
		t.Fatal(err)
	}
	reply := &Reply{Code: AccessAccept}
	reply.AddText(ReplyMessage, "yes")
	reply.AddText(FilterID, "")
	b, err := reply.encode(nil, p, NewPeer(secret, false, nil))
	if err != nil {
		t.Fatal(err)
	}
	if b[headerLen] != byte(MessageAuthenticator) {
		t.Errorf("the first attribute is %d, not Message-Authenticator", b[headerLen])
	}
	answer, err := ParseReply(b, request, secret)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for s := range answer.All(ProxyState) {
		states = append(states, string(s))
	}
	if strings.Join(states, ",") != "one,two,one" || answer.Text(ReplyMessage) != "yes" || answer.ID != 42 || answer.Has(FilterID) {
		t.Errorf("%v %+v", states, answer)
	}
	if !radius.IsAuthenticResponse(b, request, secret) {
		t.Error("the codec's own client does not take the reply")
	}
	for i := range b {
		forged := bytes.Clone(b)
		forged[i] ^= 1
		if _, err := ParseReply(forged, request, secret); err == nil {
			t.Errorf("a reply changed at byte %d was taken", i)
		}
	}
	big := &Reply{Code: AccessAccept}
	for range 17 {
		big.Add(ReplyMessage, make([]byte, 253))
	}
	if _, err := big.encode(nil, p, NewPeer(secret, false, nil)); err == nil {
		t.Error("a reply beyond 4096 bytes was made")
	}
	long := &Reply{Code: AccessAccept}
	long.Add(ReplyMessage, make([]byte, 254))
	if _, err := long.encode(nil, p, NewPeer(secret, false, nil)); err == nil {
		t.Error("an attribute beyond 253 bytes was taken")
	}
}

func TestAuthenticity(t *testing.T) {
	signed := ask(t, 1, nil)
	bare := ask(t, 1, func(r *Request) { r.Unsigned = true })
	forged := bytes.Clone(signed)
	forged[headerLen+2+5] ^= 1
	changed := bytes.Clone(signed)
	changed[len(changed)-1] ^= 1
	other, err := (&Request{Code: AccessRequest}).Encode([]byte("another secret"))
	if err != nil {
		t.Fatal(err)
	}
	eap := ask(t, 1, func(r *Request) { r.Unsigned = true; r.AddText(EAPMessage, "\x02\x01\x00\x04") })
	smuggled := ask(t, 1, func(r *Request) { r.Unsigned = true; r.AddText(ProxyState, "collision block") })
	padded := append(bytes.Clone(signed), 0, 0, 0)
	account, err := (&Request{Code: AccountingRequest}).Encode(secret)
	if err != nil {
		t.Fatal(err)
	}
	accountPadded := append(bytes.Clone(account), 1, 2, 3)
	accountForged := bytes.Clone(account)
	accountForged[5] ^= 1
	for _, c := range []struct {
		what             string
		b                []byte
		strict, tolerant bool
	}{
		{"signed", signed, true, true},
		{"signed, padded", padded, true, true},
		{"unsigned", bare, false, true},
		{"a wrong Message-Authenticator", forged, false, false},
		{"changed on the way", changed, false, false},
		{"another secret", other, false, false},
		{"EAP unsigned", eap, false, false},
		{"Proxy-State unsigned", smuggled, false, false},
		{"Status-Server unsigned", raw(StatusServer), false, false},
		{"accounting", account, true, true},
		{"accounting, padded", accountPadded, true, true},
		{"accounting, forged", accountForged, false, false},
	} {
		for _, unsigned := range []bool{false, true} {
			want := c.strict
			if unsigned {
				want = c.tolerant
			}
			before := bytes.Clone(c.b)
			b, l, err := trim(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := NewPeer(secret, unsigned, nil).authentic(b, l); ok != want {
				t.Errorf("%s, unsigned allowed %v: %v", c.what, unsigned, ok)
			}
			if !bytes.Equal(before, c.b) {
				t.Errorf("%s: the check changed the packet", c.what)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(ask(f, 1, nil))
	f.Add(raw(AccessRequest, attr(VendorSpecific, "\x00\x00\x01\x37\x19\x03x"), attr(EAPMessage, "\x02\x01\x00\x04")))
	f.Add(raw(AccountingRequest, attr(AcctStatusType, "\x00\x00\x00\x01"), attr(ProxyState, "p")))
	f.Add(append(raw(StatusServer), "padding"...))
	peer := NewPeer(secret, true, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		trimmed, l, err := trim(b)
		if err != nil {
			return
		}
		peer.authentic(trimmed, l)
		if !bytes.Equal(before, b) {
			t.Fatal("the check of authenticity changed the packet")
		}
		p := decode(trimmed)
		theirs, err := radius.Parse(trimmed, secret)
		if err != nil {
			t.Fatalf("the codec refuses what trim takes: %v", err)
		}
		n := 0
		for kind, value := range p.Attributes() {
			if a := theirs.Attributes[n]; Type(a.Type) != kind || !bytes.Equal(a.Attribute, value) {
				t.Fatalf("the codec reads attribute %d otherwise", n)
			}
			n++
		}
		if n != len(theirs.Attributes) {
			t.Fatalf("%d attributes, the codec reads %d", n, len(theirs.Attributes))
		}
		for range p.Vendor(Microsoft) {
		}
		p.MPPEKeys(p.Authenticator, secret)
		p.EAP()
		if clear, ok := p.Password(secret); ok && len(clear) > 128 {
			t.Fatal("a password beyond 128 bytes")
		} else if theirs, err := rfc2865.UserPassword_Lookup(theirs); ok && (err != nil || !bytes.Equal(theirs, clear)) {
			t.Fatalf("the codec reads the password otherwise: %v", err)
		}
		if _, err := (&Reply{Code: AccessAccept}).encode(nil, &p, peer); err != nil {
			t.Fatalf("a request that was taken cannot be answered: %v", err)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	request := ask(f, 1, nil)
	p, _ := Parse(request)
	reply, _ := (&Reply{Code: AccessAccept}).encode(nil, p, NewPeer(secret, false, nil))
	f.Add(reply, request)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, reply, request []byte) {
		_, _ = ParseReply(reply, request, secret)
	})
}
