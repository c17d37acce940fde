//go:build peers

package radiussrv

// Clients that others wrote sign in by MS-CHAPv2: FreeRADIUS's, and one on pyrad
// (testdata/radius/mschapv2.py), which checks our proof and both keys by its own
// arithmetic.

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// peer runs a client and gives its output and exit code.
func peer(t *testing.T, stdin, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v (make test installs it)", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestMSCHAPv2FromPyrad(t *testing.T) {
	_, conn, _ := live(t, Options{Auth: hashes()})
	script, err := filepath.Abs(filepath.Join("..", "testdata", "radius", "mschapv2.py"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		login, password, secret, says string
		code                          int
	}{
		{"orlovami", "Snegir-2021", testSecret, "accepted", 0},
		{`MESH\orlovami`, "Snegir-2021", testSecret, "accepted", 0},
		{"orlovami", "Wrong", testSecret, "code 3 E=691 R=1 C=", 1},
		{"away", "Snegir-2021", testSecret, "code 3 E=691 R=0 C=", 1},
	} {
		out, code := peer(t, c.secret+"\n"+c.password+"\n", "/usr/bin/python3", script, conn.RemoteAddr().String(), c.login)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d: %s", c.login, code, out)
		}
	}
}

// The vectors of RFC 2759 section 9.2 and RFC 3079 section 3.5.3, through
// FreeRADIUS's eyes.
func TestMSCHAPv2FromRadclient(t *testing.T) {
	h := mschap.NTHash("clientPass")
	_, conn, _ := live(t, Options{Auth: &judge{say: func(_ context.Context, c identity.Credential) identity.Verdict {
		m := c.Proof.(identity.MSCHAPv2)
		challenge := mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name)
		if !mschap.Check(h, challenge, m.Response) {
			return identity.Verdict{Outcome: identity.Rejected}
		}
		send, recv := mschap.Keys(h, m.Response)
		return identity.Verdict{Outcome: identity.Accepted, Person: orlova, Login: "User",
			MSCHAPv2: &identity.MSCHAPv2Success{Authenticator: mschap.AuthenticatorResponse(h, challenge, m.Response), SendKey: send, RecvKey: recv}}
	}}})
	ask := func(words string) (string, int) {
		return peer(t, words+",Message-Authenticator=0x00\n", "radclient", "-x", "-t", "5", "-r", "1", conn.RemoteAddr().String(), "auth", testSecret)
	}
	const challenge, theirs, response = "5b5d7c7d7b3f2f3e3c2c602132262628", "21402324255e262a28295f2b3a337c7e", "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"
	out, code := ask("User-Name=User,MS-CHAP-Challenge=0x" + challenge + ",MS-CHAP2-Response=0x2a00" + theirs + "0000000000000000" + response)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	for _, want := range []string{
		fmt.Sprintf("MS-CHAP2-Success = 0x2a%x", "S=407A5589115FD0D6209F510FE9C04566932CDA56"),
		"MS-MPPE-Send-Key = 0x8b7cdc149b993a1ba118cb153f56dccb",
		"MS-MPPE-Recv-Key = 0x", "MS-MPPE-Encryption-Policy = Encryption-Allowed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	// radclient computes MS-CHAPv1 from MS-CHAP-Password; it stays refused.
	if out, code := ask("User-Name=User,MS-CHAP-Password=clientPass"); code == 0 || !strings.Contains(out, "MS-CHAP-Response") || !strings.Contains(out, "Access-Reject") {
		t.Errorf("MS-CHAPv1: exit %d: %s", code, out)
	}
}
