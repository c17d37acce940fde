//go:build peers

package radiussrv_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv"
)

// nasSite has FreeRADIUS act as a NAS: it checks what RFC 5176 asks for, and
// what it says hangs on the session. It says so with a Message-Authenticator and
// its clock where asked to.
const nasSite = `
server nas {
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = %d
	}
	recv-coa {
		if (!&Event-Timestamp || !&Message-Authenticator || &Calling-Station-Id != "02-00-00-00-00-01" || &User-Name || &State || &Service-Type) {
			update reply {
				&Error-Cause := Invalid-Request
			}
			reject
		}
		elsif (&NAS-Identifier != "ap-1") {
			update reply {
				&Error-Cause := NAS-Identification-Mismatch
			}
			reject
		}
		elsif (&Acct-Session-Id == "plain") {
			ok
		}
		elsif (&Acct-Session-Id == "signed") {
			update reply {
				&Message-Authenticator := 0x00
				&Event-Timestamp := "%%l"
			}
			ok
		}
		elsif (&Acct-Session-Id == "late") {
			update reply {
				&Event-Timestamp := 1000000
			}
			ok
		}
		elsif (&Acct-Session-Id == "vlan") {
			if (&Tunnel-Type:0 == VLAN && &Tunnel-Medium-Type:0 == IEEE-802 && &Tunnel-Private-Group-Id:0 == "30" && &Session-Timeout == 3600 && &Idle-Timeout == 60 && &Filter-Id == "kids" && &WISPr-Bandwidth-Max-Down == 20000000 && &WISPr-Bandwidth-Max-Up == 5000000) {
				ok
			}
			else {
				update reply {
					&Error-Cause := Invalid-Attribute-Value
				}
				reject
			}
		}
		elsif (&Acct-Session-Id =~ /^cause-(.*)$/) {
			update reply {
				&Error-Cause := "%%{1}"
			}
			reject
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

// asker is a server of nobody's sign-ins.
func asker(t *testing.T) *radiussrv.Server {
	t.Helper()
	s, err := radiussrv.New(radiussrv.Options{Auth: nobody{}, Clients: func() *radiussrv.Clients { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FreeRADIUS as the NAS: ACK, NAK with every Error-Cause, a wrong secret, an
// answer of another time, both for Disconnect and CoA.
func TestDynamicAuthorizationAtFreeRADIUS(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	_ = conn.Close()
	nas := radiustest.Start(t, radiustest.Options{Sites: fmt.Sprintf(nasSite, port)})
	s := asker(t)
	client := radiussrv.Client{Name: "ap", Secret: radiustest.Secret, DynamicPort: port}
	session := radiussrv.Session{Addr: netip.MustParseAddr("127.0.0.1"), NASAddr: netip.MustParseAddr("127.0.0.1"), NASIdentifier: "ap-1", Station: "02-00-00-00-00-01"}
	grant := identity.Grant{VLAN: 30, SessionTimeout: time.Hour, IdleTimeout: time.Minute, Filter: "kids", Down: 20_000_000, Up: 5_000_000}
	both := func(key string, want radiussrv.Answer) {
		t.Helper()
		session.SessionID = key
		if answer, err := s.Disconnect(t.Context(), &client, session); key != "vlan" && (err != nil || answer != want) {
			t.Errorf("Disconnect of %s: %+v, %v; it said:\n%s", key, answer, err, nas.Log())
		}
		if answer, err := s.Change(t.Context(), &client, session, grant); err != nil || answer != want {
			t.Errorf("CoA of %s: %+v, %v; it said:\n%s", key, answer, err, nas.Log())
		}
	}
	both("plain", radiussrv.Answer{Done: true})
	both("signed", radiussrv.Answer{Done: true})
	both("vlan", radiussrv.Answer{Done: true})
	both("unknown", radiussrv.Answer{Cause: 503})
	for _, cause := range []uint32{401, 402, 403, 404, 405, 406, 407, 501, 502, 503, 504, 505, 506, 507, 508} {
		both(fmt.Sprint("cause-", cause), radiussrv.Answer{Cause: cause})
	}
	session.NASIdentifier = "ap-2"
	both("plain", radiussrv.Answer{Cause: 403})
	session.NASIdentifier, session.SessionID = "ap-1", "late"
	if answer, err := s.Disconnect(t.Context(), &client, session); !errors.Is(err, radiussrv.ErrNoAnswer) || !strings.Contains(err.Error(), "1970") {
		t.Errorf("of another time: %+v, %v", answer, err)
	}
	session.SessionID, client.DynamicSecret = "plain", "another secret than theirs"
	if answer, err := s.Change(t.Context(), &client, session, grant); !errors.Is(err, radiussrv.ErrNoAnswer) {
		t.Errorf("with another secret: %+v, %v", answer, err)
	}
	nas.Stop()
}

// hostapd knows no change of a VLAN: what it says to a CoA is what has us ask
// for the end.
func TestCoAAtHostapd(t *testing.T) {
	nas := radiustest.StartAccessPoint(t, "ap-1")
	at := netip.MustParseAddrPort(nas.Dynamic)
	client := radiussrv.Client{Name: "ap", Secret: radiustest.Secret, DynamicPort: at.Port()}
	session := radiussrv.Session{Addr: at.Addr(), NASAddr: netip.MustParseAddr("127.0.0.1"), NASIdentifier: "ap-1", SessionID: "5F1A-1", Station: "02-00-00-00-00-01"}
	answer, err := asker(t).Change(t.Context(), &client, session, identity.Grant{VLAN: 30})
	if err != nil || answer.Done || answer.Cause != 401 {
		t.Errorf("%+v, %v; it said:\n%s", answer, err, nas.Log())
	}
}
