package radiussrv

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/wire"
)

// handled gives the reply to an Access-Request with EAP, before it is sent.
func handled(t *testing.T, s *Server, with func(*wire.Request)) *wire.Reply {
	t.Helper()
	r := &wire.Request{Code: wire.AccessRequest}
	r.AddText(wire.UserName, "anonymous")
	r.AddText(wire.EAPMessage, "\x02\x05\x00\x06\x01a")
	if with != nil {
		with(r)
	}
	b, err := r.Encode([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handle(t.Context(), receivedBy(s, p))
}

// receivedBy is a packet as a client on this machine sends it.
func receivedBy(s *Server, p *wire.Packet) *wire.Received {
	from := netip.MustParseAddrPort("127.0.0.1:50000")
	return &wire.Received{Packet: p, Peer: s.opts.Clients().peer(from.Addr()), From: from, At: time.Now(), Signed: true, Role: wire.Authentication}
}

func TestEAPKeys(t *testing.T) {
	msk := new([64]byte)
	for i := range msk {
		msk[i] = byte(i)
	}
	_, conn, _ := live(t, Options{EAP: talk(func(eap.Request) eap.Result {
		return eap.Result{Message: []byte{3, 5, 0, 4}, MSK: msk, Verdict: identity.Verdict{Outcome: identity.Accepted, Person: orlova, Login: "orlovami"}}
	})})
	request := access(t, "anonymous", "-", func(r *wire.Request) { r.AddText(wire.EAPMessage, "\x02\x05\x00\x06\x01a") })
	reply := exchange(t, conn, request)
	send, recv, ok := reply.MPPEKeys([16]byte(request[4:20]), []byte(testSecret))
	// The peer sends with the first half: the NAS receives with it.
	if !ok || !bytes.Equal(recv, msk[:32]) || !bytes.Equal(send, msk[32:]) {
		t.Errorf("send %x, receive %x, %v", send, recv, ok)
	}
}

func TestEAPRoom(t *testing.T) {
	var got []int
	s := newServer(t, Options{EAP: talk(func(in eap.Request) eap.Result {
		got = append(got, in.MTU)
		return eap.Result{Message: []byte{1, 1, 0, 5, 1}}
	})})
	for _, mtu := range []uint32{1400, 4, 0, 1 << 31} {
		handled(t, s, func(r *wire.Request) { r.AddUint32(wire.FramedMTU, mtu) })
	}
	handled(t, s, nil)
	if want := []int{1396, 0, 0, 0, 0}; len(got) != len(want) || got[0] != want[0] || got[1]|got[2]|got[3]|got[4] != 0 {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestEAPChallengeInItsTime: what says no inside a tunnel is held back as a
// reject is; what says nothing leaves at once, and silence stays silence.
func TestEAPChallengeInItsTime(t *testing.T) {
	out := eap.Result{Message: []byte{1, 6, 0, 6, 21, 0}, NotBefore: time.Now().Add(time.Hour)}
	s := newServer(t, Options{EAP: talk(func(eap.Request) eap.Result { return out })})
	begun := time.Now()
	if r := handled(t, s, nil); r.Code != wire.AccessChallenge || !r.NotBefore.After(begun) || r.NotBefore.After(time.Now().Add(answerWithin)) {
		t.Errorf("%v at %v", r.Code, r.NotBefore)
	}
	out.NotBefore = time.Time{}
	if r := handled(t, s, nil); !r.NotBefore.IsZero() {
		t.Errorf("at %v", r.NotBefore)
	}
	out = eap.Result{}
	if r := handled(t, s, nil); r != nil {
		t.Errorf("%+v", r)
	}
}

func TestEAPFaultsAreLogged(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), EAP: talk(func(eap.Request) eap.Result {
		return eap.Result{Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}}
	})})
	for range 3 {
		handled(t, s, nil)
	}
	if strings.Count(log.String(), "does not trust") != 1 || strings.Contains(log.String(), "anonymous") {
		t.Error(log.String())
	}
	// An alert is logged as it leaves: its peer may say nothing more.
	s = newServer(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), EAP: talk(func(eap.Request) eap.Result {
		return eap.Result{Message: []byte{1, 2, 0, 6, 21, 0}, State: []byte("1"), Alert: identity.ReasonOldTLS}
	})})
	if r := handled(t, s, nil); r == nil || strings.Count(log.String(), "speaks TLS 1.1 at most") != 1 {
		t.Errorf("%+v %s", r, &log)
	}
}
