package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// answer is a Handler.
type answer func(*wire.Received) *wire.Reply

func (a answer) Handle(_ context.Context, r *wire.Received) *wire.Reply { return a(r) }

// serve runs a RADIUS server for a test and gives its address.
func serve(t *testing.T, secret string, a answer) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	peer := wire.NewPeer([]byte(secret), true, nil)
	s := wire.NewServer(a, wire.Options{Peer: func(netip.Addr) *wire.Peer { return peer }})
	served := make(chan error, 1)
	go func() { served <- s.ServeUDP(conn, wire.Authentication|wire.Accounting) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, wire.ErrStopped) {
			t.Error(err)
		}
	})
	return conn.LocalAddr().String()
}

func school(r *wire.Received) *wire.Reply {
	switch password, _ := r.Packet.Password(r.Peer.Secret()); {
	case r.Packet.Code == wire.AccountingRequest:
		return &wire.Reply{Code: wire.AccountingResponse}
	case r.Packet.Code == wire.StatusServer:
		return &wire.Reply{Code: wire.AccessAccept}
	case r.Packet.Text(wire.UserName) == "silent":
		return nil
	case string(password) != "Snegir-2021":
		reply := &wire.Reply{Code: wire.AccessReject}
		reply.AddText(wire.ReplyMessage, "no\x1b[2J")
		return reply
	}
	reply := &wire.Reply{Code: wire.AccessAccept}
	reply.AddUint32(wire.TunnelType, 13)
	reply.Add(wire.TunnelPrivateGroupID, []byte("\x0120"))
	reply.AddUint32(wire.SessionTimeout, 3600)
	reply.Add(wire.VendorSpecific, []byte{0, 0, 58, 140, 8, 6, '1', '0', 'M', '/'})
	reply.Add(wire.VendorSpecific, []byte{0, 0, 1, 55, 16, 4, 1, 2})
	reply.Add(wire.Type(200), []byte{1, 0xff})
	return reply
}

func TestRun(t *testing.T) {
	server := serve(t, "right", school)
	for name, c := range map[string]struct {
		method, login, password, secret string
		unsigned                        bool
		outcome                         Outcome
		problem                         Problem
	}{
		"accepted":      {PAP, "orlovami", "Snegir-2021", "right", false, Accepted, ""},
		"rejected":      {PAP, "orlovami", "nope", "right", false, Rejected, ProblemRejected},
		"silent":        {PAP, "silent", "nope", "right", false, NoAnswer, ProblemNoAnswer},
		"secret":        {PAP, "orlovami", "Snegir-2021", "wrong", false, NoAnswer, ProblemNoAnswer},
		"secret, forms": {PAP, "orlovami", "Snegir-2021", "wrong", true, NoAnswer, ProblemSecret},
		"no proof":      {MSCHAPv2, "orlovami", "", "right", false, Rejected, ProblemRejected},
		"status":        {Status, "", "", "right", false, Accepted, ""},
		"accounting":    {Accounting, "orlovami", "", "right", false, Accepted, ""},
	} {
		p := &Probe{Server: server, Method: c.method, Login: c.login, Client: wire.ClientOptions{Secret: []byte(c.secret), Wait: 50 * time.Millisecond, Tries: 20}}
		p.Password, p.Point.Unsigned = identity.Password(c.password), c.unsigned
		if c.outcome != NoAnswer {
			p.Client.Wait = time.Minute // whoever answers may be slow
		}
		r, err := p.Run(t.Context())
		if err != nil || r.Outcome != c.outcome || r.Problem != c.problem {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
		switch name {
		case "accepted":
			var b bytes.Buffer
			if err := r.Write(&b, English); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"accepted: pap", "VLAN: 20\n", "Session-Timeout = 3600\n", "Mikrotik-Rate-Limit = 10M/\n", "Attribute-200 = 0x01ff\n", "Tunnel-Type = 13\n"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("no %q in\n%s", want, b.String())
				}
			}
			if strings.Contains(b.String(), "Microsoft") {
				t.Error("keys are shown")
			}
		case "rejected":
			if text, err := json.Marshal(r); err != nil || !strings.Contains(string(text), `"value":"0x6e6f1b5b324a"`) {
				t.Errorf("%s %v", text, err)
			}
		}
	}
	if _, err := (&Probe{Server: server, Method: "?"}).Run(t.Context()); err == nil {
		t.Error("a method that is none was run")
	}
}

// TestTexts: each problem and each warning has its words in both languages.
func TestTexts(t *testing.T) {
	source, err := os.ReadFile("diagnose.go")
	if err != nil {
		t.Fatal(err)
	}
	problems := regexp.MustCompile(`\bProblem\w* +Problem += "(\w+)"`).FindAllSubmatch(source, -1)
	warnings := regexp.MustCompile(`\bWarn\w+ +Warning = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(problems) < 20 || len(warnings) < 4 {
		t.Fatalf("%d problems, %d warnings", len(problems), len(warnings))
	}
	for lang, text := range texts {
		for _, p := range problems {
			if a := text.problem[Problem(p[1])]; a.meaning == "" || a.remedy == "" {
				t.Errorf("%s: no words for %s", lang, p[1])
			}
		}
		for _, w := range warnings {
			if text.warnings[Warning(w[1])] == "" {
				t.Errorf("%s: no words for %s", lang, w[1])
			}
		}
	}
}

// FuzzAttributes: whatever a server grants can be shown on a terminal.
func FuzzAttributes(f *testing.F) {
	f.Add([]byte{2, 1, 0, 30, 15: 1, 20: 81, 21: 4, 22: 1, 23: '2', 24: 26, 25: 6, 29: 1})
	f.Add([]byte("\x02\x01\x00\x20................\x12\x0c\x1b]0;title\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := wire.Parse(b)
		if err != nil {
			return
		}
		all, vlan := attributes(p)
		for _, s := range append(all, Attribute{Value: vlan}) {
			if strings.ContainsFunc(s.Name+s.Value, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
				t.Fatalf("%q", s)
			}
		}
	})
}
