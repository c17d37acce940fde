//go:build peers

package wifi

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"schoolbridge/internal/eappeer"
)

// supplicant is devices that come back with TLS 1.2, as wpa_supplicant does it:
// FreeRADIUS resumes by session identifier there and never by ticket, ours by
// ticket alone, and crypto/tls's client knows tickets alone. eapol_test offers
// both. It is a slow client: neither server gets near its bounds, and both wake
// up for nearly every packet. It checks MS-MPPE-Recv-Key.
type supplicant struct {
	method eappeer.Method
	n      int
}

// phones is how many of them there are, each with the same part of n; more do
// not go faster.
const phones = 8

func (u supplicant) run(t testing.TB, s *server) (figure, error) {
	t.Helper()
	block := filepath.Join(t.TempDir(), "network")
	host, port, err := net.SplitHostPort(s.eap)
	must(t, err)
	write(t, block+".pem", s.authority)
	again := max(u.n/phones, 1)
	said := make([]string, phones)
	for k := range phones {
		write(t, fmt.Sprint(block, k), network(u.method, block+".pem", login(k%s.people)))
	}
	f, err := s.measure(t, phones*(again+1), func() error {
		var all sync.WaitGroup
		for k := range phones {
			all.Go(func() {
				out, _ := exec.CommandContext(t.Context(), "eapol_test", "-c", fmt.Sprint(block, k), "-a", host, "-p", port, "-s", secret,
					"-t", "300", "-r", fmt.Sprint(again)).CombinedOutput() // what it says tells more than how it ends
				said[k] = string(out)
			})
		}
		all.Wait()
		return nil
	})
	if err != nil {
		return f, err
	}
	for _, text := range said {
		keys, resumed := fmt.Sprintf("MPPE keys OK: %d  mismatch: 0", again+1), strings.Count(text, "Handshake finished - resumed=1")
		if !strings.HasSuffix(strings.TrimSpace(text), "SUCCESS") || !strings.Contains(text, keys) || resumed != again {
			return f, fmt.Errorf("eapol_test: not %q, or %d resumed instead of %d; it ends with:\n%s", keys, resumed, again, text[max(0, len(text)-300):])
		}
	}
	return f, nil
}

// network is a block of wpa_supplicant's configuration.
func network(method eappeer.Method, authority, name string) string {
	outer, inner := "TTLS", "auth=PAP"
	if method == eappeer.PEAPMSCHAPv2 {
		outer, inner = "PEAP", "auth=MSCHAPV2"
	}
	return fmt.Sprintf(`network={
	ssid="x"
	key_mgmt=WPA-EAP
	eap=%s
	ca_cert="%s"
	domain_match="%s"
	identity="%s"
	password="%s"
	phase1="tls_disable_tlsv1_3=1 tls_disable_session_ticket=0"
	phase2="%s"
}
`, outer, authority, serverName, name, password, inner)
}
