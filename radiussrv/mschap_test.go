package radiussrv

import (
	"bytes"
	"context"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

var (
	ours   = [16]byte{1, 2, 3}
	theirs = [16]byte{4, 5, 6}
)

// answer is the value of an MS-CHAP2-Response.
func answer(name, password string) []byte {
	response := mschap.Response(mschap.NTHash(password), mschap.Challenge(theirs, ours, name))
	b := append([]byte{77, 0}, theirs[:]...)
	return append(append(b, make([]byte, 8)...), response[:]...)
}

// speak makes a request with MS-CHAPv2; parts may be changed or left out (nil).
func speak(t testing.TB, name string, challenge, response []byte, more func(*wire.Request)) []byte {
	return access(t, name, "-", func(r *wire.Request) {
		if challenge != nil {
			r.AddVendor(wire.Microsoft, wire.MSCHAPChallenge, challenge)
		}
		if response != nil {
			r.AddVendor(wire.Microsoft, wire.MSCHAP2Response, response)
		}
		if more != nil {
			more(r)
		}
	})
}

// hashes is an authenticator that keeps the hash of one password.
func hashes() *judge {
	h := mschap.NTHash("Snegir-2021")
	return &judge{say: func(_ context.Context, c identity.Credential) identity.Verdict {
		m := c.Proof.(identity.MSCHAPv2)
		challenge := mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name)
		switch {
		case c.Name == "away":
			return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonCutOff}
		case c.Name == "keyless":
			return identity.Verdict{Outcome: identity.Accepted, Person: orlova, Login: "keyless"}
		case !mschap.Check(h, challenge, m.Response):
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword}
		}
		send, recv := mschap.Keys(h, m.Response)
		return identity.Verdict{Outcome: identity.Accepted, Person: orlova, Login: "orlovami", Grant: identity.Grant{VLAN: 20},
			MSCHAPv2: &identity.MSCHAPv2Success{Authenticator: mschap.AuthenticatorResponse(h, challenge, m.Response), SendKey: send, RecvKey: recv}}
	}}
}

// find gives the value of one of Microsoft's attributes.
func find(p *wire.Packet, kind byte) (value []byte) {
	for k, v := range p.Vendor(wire.Microsoft) {
		if k == kind {
			value = v
		}
	}
	return value
}

func TestMSCHAPv2(t *testing.T) {
	auth := hashes()
	_, conn, _ := live(t, Options{Auth: auth})
	for _, typed := range []string{"orlovami", `MESH\orlovami`} {
		request := speak(t, typed, ours[:], answer("orlovami", "Snegir-2021"), nil)
		p := exchange(t, conn, request)
		if p.Code != wire.AccessAccept || p.Text(wire.UserName) != "orlovami" || p.Text(wire.TunnelPrivateGroupID) != "20" || !p.Has(wire.Class) {
			t.Fatalf("%s: %+v", typed, p)
		}
		if got := auth.last(); got.Name != typed || got.Proof.(identity.MSCHAPv2).Name != "orlovami" || got.Channel != identity.ChannelWiFi {
			t.Errorf("asked %+v", got)
		}
		// The peer's and the NAS's side of it.
		h := mschap.NTHash("Snegir-2021")
		challenge := mschap.Challenge(theirs, ours, "orlovami")
		response := mschap.Response(h, challenge)
		success := find(p, wire.MSCHAP2Success)
		if len(success) != 43 || success[0] != 77 {
			t.Fatalf("MS-CHAP2-Success %q", success)
		}
		if proof, ok := mschap.ParseSuccess(string(success[1:])); !ok || !mschap.CheckAuthenticator(h, challenge, response, proof) {
			t.Errorf("the peer does not take %q", success)
		}
		sent, err := wire.Parse(request)
		if err != nil {
			t.Fatal(err)
		}
		send, recv, ok := p.MPPEKeys(sent.Authenticator, []byte(testSecret))
		wantSend, wantRecv := mschap.Keys(h, response)
		if !ok || !bytes.Equal(send, wantSend[:]) || !bytes.Equal(recv, wantRecv[:]) {
			t.Errorf("keys %x and %x", send, recv)
		}
		if !bytes.Equal(find(p, wire.MSMPPEEncryptionPolicy), []byte{0, 0, 0, 1}) || !bytes.Equal(find(p, wire.MSMPPEEncryptionTypes), []byte{0, 0, 0, 4}) {
			t.Errorf("policy %x, types %x", find(p, wire.MSMPPEEncryptionPolicy), find(p, wire.MSMPPEEncryptionTypes))
		}
	}
}

func TestMSCHAPv2Refusals(t *testing.T) {
	auth := hashes()
	s, conn, _ := live(t, Options{Auth: auth})
	right := answer("orlovami", "Snegir-2021")
	change := append([]byte{7, 78}, make([]byte, 66)...)
	cut := func(r *wire.Request) { // the vendor's length runs over the end
		r.Add(wire.VendorSpecific, append([]byte{0, 0, 1, 55, wire.MSCHAP2Response, 60}, right...))
	}
	for _, c := range []struct {
		what                string
		name                string
		challenge, response []byte
		more                func(*wire.Request)
		counted             result
		asks                bool
		code, ident         int // of MS-CHAP-Error; 0: there is none
		retry               bool
	}{
		{"wrong password", "orlovami", ours[:], answer("orlovami", "Wrong"), nil, resultRejected, true, 691, 77, true},
		{"unknown", "nobody", ours[:], answer("nobody", "Wrong"), nil, resultRejected, true, 691, 77, true},
		{"unavailable", "away", ours[:], right, nil, resultUnavailable, true, 691, 77, false},
		{"accepted without keys", "keyless", ours[:], right, nil, resultUnavailable, true, 691, 77, false},
		{"no challenge", "orlovami", nil, right, nil, resultMalformed, false, 0, 0, false},
		{"a challenge of MS-CHAPv1", "orlovami", ours[:8], right, nil, resultMalformed, false, 0, 0, false},
		{"two challenges", "orlovami", ours[:], right, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAPChallenge, ours[:]) }, resultMalformed, false, 0, 0, false},
		{"two answers", "orlovami", ours[:], right, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAP2Response, right) }, resultMalformed, false, 0, 0, false},
		{"a short answer", "orlovami", ours[:], right[:49], nil, resultMalformed, false, 0, 0, false},
		{"a long answer", "orlovami", ours[:], append(bytes.Clone(right), 0), nil, resultMalformed, false, 0, 0, false},
		{"an empty answer", "orlovami", ours[:], []byte{}, nil, resultMalformed, false, 0, 0, false},
		{"an answer that runs over", "orlovami", ours[:], nil, cut, resultMalformed, false, 0, 0, false},
		{"with a clear password", "orlovami", ours[:], right, func(r *wire.Request) { _ = r.AddPassword([]byte("x"), []byte(testSecret)) }, resultMalformed, false, 0, 0, false},
		{"with MS-CHAPv1", "orlovami", ours[:], right, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAPResponse, right) }, resultMalformed, false, 0, 0, false},
		{"a change of password by MS-CHAPv1", "orlovami", ours[:], nil, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAPChangePassword2, right) }, resultMSCHAP, false, 0, 0, false},
		{"a computer", "host/pc-1", ours[:], right, nil, resultMachine, false, 0, 0, false},
		{"a change of password", "orlovami", ours[:], nil, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAP2ChangePassword, change) }, resultMSCHAP, false, 709, 78, false},
		{"a change of password, cut", "orlovami", ours[:], nil, func(r *wire.Request) { r.AddVendor(wire.Microsoft, wire.MSCHAP2ChangePassword, change[:1]) }, resultMalformed, false, 0, 0, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			asked, before := auth.count(), counted(t, s.metrics.results[c.counted])
			p := exchange(t, conn, speak(t, c.name, c.challenge, c.response, c.more))
			if p.Code != wire.AccessReject || find(p, wire.MSCHAP2Success) != nil || find(p, wire.MSMPPESendKey) != nil {
				t.Errorf("%+v", p)
			}
			if got := auth.count() > asked; got != c.asks {
				t.Errorf("the authenticator was asked: %v", got)
			}
			if counted(t, s.metrics.results[c.counted]) != before+1 {
				t.Errorf("not counted as %v", c.counted)
			}
			value := find(p, wire.MSCHAPError)
			if c.code == 0 {
				if value != nil {
					t.Errorf("MS-CHAP-Error %q", value)
				}
				return
			}
			if len(value) == 0 || int(value[0]) != c.ident {
				t.Fatalf("MS-CHAP-Error %q", value)
			}
			f, ok := mschap.ParseFailure(string(value[1:]))
			if !ok || f.Code != c.code || f.Retry != c.retry || f.Challenge == [16]byte{} || f.Challenge == ours {
				t.Errorf("%q", value)
			}
		})
	}
}

// A peer may answer the fresh challenge of a failure, through whatever server.
func TestMSCHAPv2SecondTry(t *testing.T) {
	_, conn, _ := live(t, Options{Auth: hashes()})
	p := exchange(t, conn, speak(t, "orlovami", ours[:], answer("orlovami", "Wrong"), nil))
	f, ok := mschap.ParseFailure(string(find(p, wire.MSCHAPError)[1:]))
	if !ok || !f.Retry {
		t.Fatal("no second try is offered")
	}
	response := mschap.Response(mschap.NTHash("Snegir-2021"), mschap.Challenge(theirs, f.Challenge, "orlovami"))
	value := append(append(append([]byte{78, 0}, theirs[:]...), make([]byte, 8)...), response[:]...)
	if p := exchange(t, conn, speak(t, "orlovami", f.Challenge[:], value, nil)); p.Code != wire.AccessAccept {
		t.Errorf("%+v", p)
	}
}
