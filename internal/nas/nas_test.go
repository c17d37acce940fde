package nas

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

const (
	login    = "orlovami"
	password = "Snegir-2021"
)

// server is a Handler.
type server func(*wire.Received) *wire.Reply

func (s server) Handle(_ context.Context, r *wire.Received) *wire.Reply { return s(r) }

// serve runs one and gives a line to it.
func serve(t *testing.T, s server) *wire.Line {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	peer := wire.NewPeer([]byte("secret"), false, nil)
	running := wire.NewServer(s, wire.Options{Peer: func(netip.Addr) *wire.Peer { return peer }})
	go func() { _ = running.ServeUDP(conn, wire.Authentication|wire.Accounting) }()
	client := wire.NewClient(conn.LocalAddr().String(), wire.ClientOptions{Secret: []byte("secret"), Wait: time.Minute})
	t.Cleanup(func() {
		client.Close()
		_ = running.Shutdown(context.Background())
	})
	return client.Line()
}

// challenged answers MS-CHAPv2 as a server that believes in the password, and
// lets change spoil the acceptance.
func challenged(password string, change func(reply *wire.Reply, proof string, send, recv []byte)) server {
	return func(r *wire.Received) *wire.Reply {
		var challenge, response []byte
		for kind, value := range r.Packet.Vendor(wire.Microsoft) {
			switch kind {
			case wire.MSCHAPChallenge:
				challenge = value
			case wire.MSCHAP2Response:
				response = value
			}
		}
		hash, answer := mschap.NTHash(password), [24]byte(response[26:50])
		c := mschap.Challenge([16]byte(response[2:18]), [16]byte(challenge), login)
		if !mschap.Check(hash, c, answer) {
			reply := &wire.Reply{Code: wire.AccessReject}
			reply.AddVendor(wire.Microsoft, wire.MSCHAPError, append(response[:1:1], mschap.Failure{Code: mschap.CodeWrong}.String()...))
			return reply
		}
		send, recv := mschap.Keys(hash, answer)
		reply := &wire.Reply{Code: wire.AccessAccept}
		change(reply, string(response[:1])+mschap.Success(mschap.AuthenticatorResponse(hash, c, answer), ""), send[:], recv[:])
		return reply
	}
}

func TestMSCHAPv2(t *testing.T) {
	proof := func(r *wire.Reply, proof string) { r.AddVendor(wire.Microsoft, wire.MSCHAP2Success, []byte(proof)) }
	for name, c := range map[string]struct {
		change func(reply *wire.Reply, text string, send, recv []byte)
		want   error
		keys   bool
	}{
		"right":        {func(r *wire.Reply, text string, send, recv []byte) { proof(r, text); r.AddMPPEKeys(send, recv) }, nil, true},
		"no keys":      {func(r *wire.Reply, text string, _, _ []byte) { proof(r, text) }, nil, false},
		"swapped keys": {func(r *wire.Reply, text string, send, recv []byte) { proof(r, text); r.AddMPPEKeys(recv, send) }, ErrKeys, false},
		"no proof":     {func(r *wire.Reply, _ string, send, recv []byte) { r.AddMPPEKeys(send, recv) }, eappeer.ErrUnproven, false},
		"false proof":  {func(r *wire.Reply, text string, _, _ []byte) { proof(r, text[:len(text)-1]+"?") }, eappeer.ErrUnproven, false},
		"empty proof":  {func(r *wire.Reply, _ string, _, _ []byte) { proof(r, "") }, eappeer.ErrUnproven, false},
	} {
		r, err := (&Point{}).MSCHAPv2(t.Context(), serve(t, challenged(password, c.change)), `MESH\`+login, password)
		if !errors.Is(err, c.want) || r.Accepted != (c.want == nil) || r.Keys != c.keys {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
	var refused *eappeer.PasswordError
	if r, err := (&Point{}).MSCHAPv2(t.Context(), serve(t, challenged(password, nil)), login, "nope"); r.Accepted || !errors.As(err, &refused) || refused.Code != mschap.CodeWrong {
		t.Errorf("wrong password: %v", err)
	}
}

// TestEAPAbuse: what no server may do ends the sign-in, and it ends.
func TestEAPAbuse(t *testing.T) {
	for name, c := range map[string]struct {
		code wire.Code
		eap  func(id byte) []byte
		want error
	}{
		"no EAP":                  {wire.AccessAccept, nil, ErrUnexpected},
		"a reject without EAP":    {wire.AccessReject, nil, ErrRejected},
		"success for nothing":     {wire.AccessAccept, func(id byte) []byte { return []byte{3, id, 0, 4} }, eappeer.ErrOrder},
		"a request in an accept":  {wire.AccessAccept, func(id byte) []byte { return []byte{1, id, 0, 5, 1} }, ErrUnexpected},
		"a failure":               {wire.AccessReject, func(id byte) []byte { return []byte{4, id, 0, 4} }, eappeer.ErrRejected},
		"identity without end":    {wire.AccessChallenge, func(id byte) []byte { return []byte{1, id, 0, 5, 1} }, ErrRounds},
		"an empty message":        {wire.AccessChallenge, func(byte) []byte { return nil }, eappeer.ErrMalformed},
		"TLS that is none":        {wire.AccessChallenge, func(id byte) []byte { return []byte{1, id, 0, 6, 21, 0x07} }, eappeer.ErrOrder},
		"another code altogether": {wire.AccountingResponse, nil, ErrUnexpected},
	} {
		id := byte(0)
		line := serve(t, func(r *wire.Received) *wire.Reply {
			id++
			reply := &wire.Reply{Code: c.code}
			if c.eap != nil {
				reply.AddEAP(c.eap(id))
			}
			return reply
		})
		device, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: login, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		r, err := (&Point{}).EAP(t.Context(), line, device, "anonymous")
		device.Close()
		if !errors.Is(err, c.want) || r.Accepted || len(r.Rounds) > maxRounds {
			t.Errorf("%s: %v, %d rounds", name, err, len(r.Rounds))
		}
	}
}

// TestAttributes: what an access point says of itself and of a device.
func TestAttributes(t *testing.T) {
	got := make(chan *wire.Packet, 1)
	line := serve(t, func(r *wire.Received) *wire.Reply {
		got <- r.Packet.Clone()
		if r.Packet.Code == wire.AccountingRequest {
			return &wire.Reply{Code: wire.AccountingResponse}
		}
		return &wire.Reply{Code: wire.AccessAccept}
	})
	p := &Point{Identifier: "ap-1", Address: netip.MustParseAddr("10.1.2.3"), Called: "02-10-A4-23-19-C0:School", Calling: "02-00-00-00-00-01"}
	if r, err := p.PAP(t.Context(), line, login, password); err != nil || !r.Accepted {
		t.Fatal(err)
	}
	check := func(q *wire.Packet) {
		if q.Text(wire.UserName) != login || q.Text(wire.NASIdentifier) != "ap-1" || q.IPv4(wire.NASIPAddress) != p.Address ||
			q.Text(wire.CalledStationID) != p.Called || q.Text(wire.CallingStationID) != p.Calling {
			t.Errorf("%+v", q)
		}
	}
	q := <-got
	check(q)
	if clear, ok := q.Password([]byte("secret")); !ok || string(clear) != password {
		t.Errorf("password %v", ok)
	}
	if r, err := p.Account(t.Context(), line, Session{Name: login, ID: "7", Time: time.Minute}, Stop); err != nil || !r.Accepted {
		t.Fatal(err)
	}
	q = <-got
	check(q)
	if n, _ := q.Uint32(wire.AcctSessionTime); n != 60 || q.Text(wire.AcctSessionID) != "7" || !q.Has(wire.AcctTerminateCause) {
		t.Errorf("%+v", q)
	}
	if r, err := p.Status(t.Context(), line); err != nil || !r.Accepted {
		t.Error(err)
	}
}
