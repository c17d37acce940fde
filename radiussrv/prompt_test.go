package radiussrv

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// recaller is a judge who knows some answers by heart.
type recaller struct {
	*judge
	knows    func(c identity.Credential) bool
	recalled atomic.Int32
}

func (r *recaller) Recall(c identity.Credential) (identity.Verdict, bool) {
	if !r.knows(c) {
		return identity.Verdict{}, false
	}
	r.recalled.Add(1)
	return r.say(context.Background(), c), true
}

// What is answered promptly reads as what is not, but for what differs each time.
func TestPromptRepliesReadAlike(t *testing.T) {
	for what, c := range map[string]struct {
		judge *judge
		ask   func() []byte
	}{
		"PAP":          {school(), func() []byte { return access(t, "orlovami", "Snegir-2021", nil) }},
		"PAP, wrong":   {school(), func() []byte { return access(t, "orlovami", "wrong", nil) }},
		"PAP, away":    {school(), func() []byte { return access(t, "away", "Snegir-2021", nil) }},
		"MS-CHAPv2":    {hashes(), func() []byte { return speak(t, "orlovami", ours[:], answer("orlovami", "Snegir-2021"), nil) }},
		"charged, NAS": {school(), func() []byte { return access(t, "orlovami", "Snegir-2021", charged) }},
		"two User-Names": {school(), func() []byte {
			return access(t, "orlovami", "Snegir-2021", func(r *wire.Request) { r.AddText(wire.UserName, "x") })
		}},
	} {
		t.Run(what, func(t *testing.T) {
			client := loopback()
			client.RejectDelay = 0
			var replies []*wire.Packet
			for _, by := range []Authenticator{c.judge, &recaller{judge: c.judge, knows: func(identity.Credential) bool { return true }}} {
				_, conn, _ := live(t, Options{Auth: by, Clients: table(t, client), ChargeKey: new([32]byte)})
				replies = append(replies, exchange(t, conn, c.ask()))
			}
			if replies[0].Code != replies[1].Code {
				t.Fatalf("%v and %v", replies[0].Code, replies[1].Code)
			}
			var kinds [2][]byte
			for i, p := range replies {
				for kind, v := range p.Attributes() {
					kinds[i] = append(kinds[i], byte(kind), byte(len(v)))
					if kind != wire.MessageAuthenticator && kind != wire.Class && kind != wire.VendorSpecific {
						kinds[i] = append(kinds[i], v...)
					}
				}
			}
			if !bytes.Equal(kinds[0], kinds[1]) {
				t.Errorf("%q\nand\n%q", kinds[0], kinds[1])
			}
		})
	}
}

func charged(r *wire.Request) { r.Add(wire.ChargeableUserIdentity, []byte{0}) }

// What nobody knows by heart is decided as ever, and counted once.
func TestWhatIsNotRecalledIsAuthenticated(t *testing.T) {
	by := &recaller{judge: school(), knows: func(c identity.Credential) bool { return c.Proof == identity.Password("Snegir-2021") }}
	client := loopback()
	client.RejectDelay = 0
	s, conn, _ := live(t, Options{Auth: by, Clients: table(t, client)})
	for range 3 {
		exchange(t, conn, access(t, "orlovami", "Snegir-2021", nil))
		exchange(t, conn, access(t, "orlovami", "wrong", nil))
	}
	if by.recalled.Load() != 3 || by.count() != 3 {
		t.Errorf("%d recalled and %d asked about, want 3 and 3", by.recalled.Load(), by.count())
	}
	if a, r := counted(t, s.metrics.results[resultAccepted]), counted(t, s.metrics.results[resultRejected]); a != 3 || r != 3 {
		t.Errorf("%v accepted and %v rejected are counted, want 3 and 3", a, r)
	}
	// EAP, accounting and Status-Server are never prompt.
	by.knows = func(identity.Credential) bool { t.Error("asked about what is no sign-in"); return false }
	exchange(t, conn, encode(t, &wire.Request{Code: wire.StatusServer, ID: 250}, nil))
	lastID++
	exchange(t, conn, encode(t, &wire.Request{Code: wire.AccessRequest, ID: lastID}, func(r *wire.Request) { r.AddEAP([]byte{2, 1, 0, 5, 1}) }))
}
