package radiussrv

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/wire"
)

// rawReply sends and gives the reply's bytes, after they were checked.
func rawReply(t *testing.T, conn net.Conn, request []byte) []byte {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ParseReply(b[:n], request, []byte(testSecret)); err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// Whatever is asked and answered, and whether the client signs: the answer does
// (CVE-2024-3596).
func TestEveryAnswerIsSigned(t *testing.T) {
	server := talk(func(in eap.Request) eap.Result {
		switch string(in.Message[5:]) {
		case "in":
			return eap.Result{Message: []byte{3, 1, 0, 4}, Verdict: identity.Verdict{Outcome: identity.Accepted, Login: "in"}}
		case "out":
			return eap.Result{Verdict: identity.Verdict{Outcome: identity.Rejected}}
		}
		return eap.Result{Message: []byte{1, 1, 0, 5, 1}, State: []byte("s")}
	})
	for _, optional := range []bool{false, true} {
		client := loopback()
		client.Unsigned = optional
		_, clear, _ := live(t, Options{Clients: table(t, client), EAP: server})
		_, hashed, _ := live(t, Options{Clients: table(t, client), Auth: hashes()})
		send := func(conn net.Conn, what string, code wire.Code, request []byte) {
			t.Helper()
			if b := rawReply(t, conn, request); wire.Code(b[0]) != code || b[20] != byte(wire.MessageAuthenticator) {
				t.Errorf("%s, optional %v: code %d, first attribute %d", what, optional, b[0], b[20])
			}
		}
		unsigned := func(r *wire.Request) { r.Unsigned = optional }
		asEAP := func(name string) func(*wire.Request) {
			p := packet.Packet{Code: packet.Response, ID: 1, Type: packet.Identity, Data: []byte(name)}
			return func(r *wire.Request) { r.Add(wire.EAPMessage, p.Bytes()) }
		}
		send(clear, "PAP", wire.AccessAccept, access(t, "orlovami", "Snegir-2021", unsigned))
		send(clear, "PAP, wrong", wire.AccessReject, access(t, "orlovami", "Wrong", unsigned))
		send(clear, "PAP, unavailable", wire.AccessReject, access(t, "away", "x", unsigned))
		send(clear, "PAP, malformed", wire.AccessReject, access(t, "", "x", unsigned))
		send(clear, "CHAP", wire.AccessReject, access(t, "a", "-", func(r *wire.Request) { unsigned(r); r.Add(wire.CHAPPassword, make([]byte, 17)) }))
		send(hashed, "MS-CHAPv2", wire.AccessAccept, speak(t, "orlovami", ours[:], answer("orlovami", "Snegir-2021"), unsigned))
		send(hashed, "MS-CHAPv2, wrong", wire.AccessReject, speak(t, "orlovami", ours[:], answer("orlovami", "Wrong"), unsigned))
		send(clear, "EAP", wire.AccessChallenge, access(t, "x", "-", asEAP("x")))
		send(clear, "EAP in", wire.AccessAccept, access(t, "in", "-", asEAP("in")))
		send(clear, "EAP out", wire.AccessReject, access(t, "out", "-", asEAP("out")))
		send(clear, "Status-Server", wire.AccessAccept, encode(t, &wire.Request{Code: wire.StatusServer, ID: 99}, nil))
	}
}

// Nothing that stands in an unsigned request comes back in its answer: an echo is
// what a collision is smuggled through, and a Proxy-State is not the only one.
func TestNothingUnsignedIsEchoed(t *testing.T) {
	client := loopback()
	client.Unsigned = true
	const marker = "0123456789abcdef"
	for password, code := range map[string]wire.Code{"Snegir-2021": wire.AccessAccept, "Wrong": wire.AccessReject} {
		_, conn, _ := live(t, Options{Clients: table(t, client)}) // fresh: identifiers come again
		for kind := range 256 {
			at := wire.Type(kind)
			switch at {
			case wire.UserName, wire.UserPassword, wire.CHAPPassword, wire.MessageAuthenticator: // more of them make it malformed
				continue
			case wire.ProxyState, wire.EAPMessage: // dropped, see wire
				continue
			}
			value := marker
			if at == wire.VendorSpecific {
				value = "\x00\x00\x01\x37" + string([]byte{99, byte(2 + len(marker))}) + marker
			}
			reply := rawReply(t, conn, access(t, "orlovami", password, func(r *wire.Request) { r.Unsigned = true; r.AddText(at, value) }))
			if wire.Code(reply[0]) != code || bytes.Contains(reply, []byte(marker[:4])) {
				t.Errorf("attribute %d is echoed: %x", kind, reply)
			}
		}
		name := strings.ToUpper("nobody" + marker)
		if reply := rawReply(t, conn, access(t, name, password, func(r *wire.Request) { r.Unsigned = true })); bytes.Contains(reply, []byte(marker[:4])) {
			t.Errorf("the name is echoed: %x", reply)
		}
	}
}

// The attack from end to end, against a client that may leave its requests
// unsigned: whoever changes one on the way gets nothing that he could forge
// from.
func TestBlastRADIUS(t *testing.T) {
	client := loopback()
	client.Unsigned = true
	s, conn, _ := live(t, Options{Clients: table(t, client)})
	for i := range 3 {
		request := access(t, "orlovami", fmt.Sprint("guess", i), func(r *wire.Request) { r.Unsigned = true })
		// In between stands somebody: RFC 2865 lets a proxy append Proxy-State.
		block := append([]byte{byte(wire.ProxyState), 255}, bytes.Repeat([]byte{0xee}, 253)...)
		changed := append(bytes.Clone(request), block...)
		changed[2], changed[3] = byte(len(changed)>>8), byte(len(changed))
		silent(t, conn, changed)
	}
	if n := counted(t, s.metrics.drops[wire.DropUnsigned]); n != 3 {
		t.Errorf("%v counted as unsigned", n)
	}
}
