//go:build peers

package radiussrv

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/radiustest"
)

// tunnelNAS has FreeRADIUS be a RadSec client that takes requests over its own
// connection.
const tunnelNAS = `
home_server bridge {
	ipaddr = 127.0.0.1
	port = %[1]s
	proto = tcp
	type = auth+acct+coa
	secret = radsec
	status_check = none
	response_window = 10
	recv_coa {
		virtual_server = nas
	}
	tls {
		private_key_file = %[2]s/key.pem
		certificate_file = %[2]s/cert.pem
		ca_file = %[2]s/ca.pem
	}
}
home_server_pool bridge {
	home_server = bridge
}
realm bridge {
	auth_pool = bridge
	acct_pool = bridge
	nostrip
}
server front {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[3]s
	}
	authorize {
		update control {
			&Proxy-To-Realm := bridge
		}
	}
}
server nas {
	recv-coa {
		if (&Acct-Session-Id == "5F-1" && &Calling-Station-Id == "02-00-00-00-00-01") {
			ok
		}
		else {
			update reply {
				&Error-Cause := Session-Context-Not-Found
			}
			reject
		}
	}
}
`

func TestReverseAtFreeRADIUS(t *testing.T) {
	authority := radiustest.NewAuthority(t)
	client := Client{Name: "nas", Certificate: "nas.school.example", DynamicTunnel: true}
	s := newServer(t, Options{Clients: table(t, client)})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- s.ServeRadSec(ln, &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, "bridge.school.example", false, nil)}, ClientCAs: authority.Pool()})
	}()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()); <-served })
	dir := t.TempDir()
	certificate, key := radiustest.PEM(t, authority.Issue(t, "nas.school.example", false, nil))
	for name, text := range map[string]string{"ca.pem": authority.PEM(), "cert.pem": certificate, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	udp := freeport.Port(freeport.UDP(t))
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	nas := radiustest.Start(t, radiustest.Options{Proxy: true, Sites: fmt.Sprintf(tunnelNAS, port, dir, udp)})
	out, code := peer(t, "User-Name=orlovami,User-Password=Snegir-2021,Message-Authenticator=0x00\n", "radclient", "-x", "-t", "2", "-r", "10", "127.0.0.1:"+udp, "auth", radiustest.Secret)
	if code != 0 || !strings.Contains(out, "Access-Accept") {
		t.Fatalf("exit %d: %s\n%s", code, out, nas.Log())
	}
	for key, want := range map[string]Answer{"5F-1": {Done: true}, "other": {Cause: 503}} {
		session := ending()
		session.SessionID = key
		if answer, err := s.Disconnect(t.Context(), &client, session); err != nil || answer != want {
			t.Errorf("Disconnect of %s: %+v, %v; it said:\n%s", key, answer, err, nas.Log())
		}
		if answer, err := s.Change(t.Context(), &client, session, identity.Grant{VLAN: 30}); err != nil || answer != want {
			t.Errorf("CoA of %s: %+v, %v; it said:\n%s", key, answer, err, nas.Log())
		}
	}
}
