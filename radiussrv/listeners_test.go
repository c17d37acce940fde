package radiussrv

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"schoolbridge/radiussrv/wire"
)

// One server on several addresses of both families. Sockets are connected, so an
// answer shows that it came from the address that was asked.
func TestSeveralAddressesAndIPv6(t *testing.T) {
	clients := table(t,
		loopback(),
		Client{Name: "six", Prefix: netip.MustParsePrefix("::1/128"), Secret: testSecret, School: "1001"})
	auth := school()
	s := newServer(t, Options{Auth: auth, Clients: clients})
	served := make(chan error)
	sockets := 0
	serve := func(at string, by func(*net.UDPConn) error) int {
		t.Helper()
		addr, err := net.ResolveUDPAddr("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.ListenUDP("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		sockets++
		go func() { served <- by(conn) }()
		return conn.LocalAddr().(*net.UDPAddr).Port
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		for range sockets {
			if err := <-served; !errors.Is(err, wire.ErrStopped) {
				t.Error(err)
			}
		}
	})
	for _, c := range []struct {
		listen string
		ask    []string
	}{
		{"127.0.0.1:0", []string{"127.0.0.1"}},
		{"127.0.0.2:0", []string{"127.0.0.2"}},
		{"[::1]:0", []string{"::1"}},
		{"0.0.0.0:0", []string{"127.0.0.1", "127.0.0.3"}},
		{"[::]:0", []string{"::1", "127.0.0.1", "127.0.0.4"}},
	} {
		toSignIn, toAccounting := serve(c.listen, s.ServeAuthentication), serve(c.listen, s.ServeAccounting)
		for _, ip := range c.ask {
			t.Run(c.listen+" "+ip, func(t *testing.T) {
				dial := func(port int) net.Conn {
					conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.ParseIP(ip), Port: port})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = conn.Close() })
					return conn
				}
				conn := dial(toSignIn)
				if p := exchange(t, conn, access(t, "orlovami", "Snegir-2021", nil)); p.Code != wire.AccessAccept {
					t.Errorf("%v", p.Code)
				}
				want := netip.MustParseAddr(ip) // the client's own, on this machine's loopback
				if want.Is4() {
					want = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
				}
				name := "loopback"
				if want.Is6() {
					name = "six"
				}
				if got := auth.last().Source; got.Addr != want || got.NAS != name {
					t.Errorf("came from %v, client %q; want %v, %q", got.Addr, got.NAS, want, name)
				}
				if p := exchange(t, dial(toAccounting), accounting(t, nil)); p.Code != wire.AccountingResponse {
					t.Errorf("%v", p.Code)
				}
			})
		}
	}
}
