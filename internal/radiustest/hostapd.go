package radiustest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"schoolbridge/internal/child"
)

// StartHostapd runs the RADIUS and EAP server inside hostapd until the test's
// end. It does EAP only.
func StartHostapd(t testing.TB, o Options) *Server {
	t.Helper()
	o.defaults()
	s := &Server{Authority: NewAuthority(t), dir: t.TempDir()}
	writeCertificates(t, s, o)
	write(t, s.dir, "clients", "127.0.0.1/32 "+Secret+"\n")
	write(t, s.dir, "users", hostapdUsers(t, o))
	const inside = 1812 // in the namespace
	lifetime := 0
	if o.Resumption {
		lifetime = 3600
	}
	file := write(t, s.dir, "hostapd.conf", fmt.Sprintf(`driver=none
interface=lo
eap_server=1
logger_stdout=-1
logger_stdout_level=0
ca_cert=%[1]s/ca.pem
server_cert=%[1]s/cert.pem
private_key=%[1]s/key.pem
tls_session_lifetime=%[2]d
tls_flags=%[3]s
fragment_size=%[4]d
eap_user_file=%[1]s/users
radius_server_clients=%[1]s/clients
radius_server_auth_port=%[5]d
`, s.dir, lifetime, hostapdFlags(o), o.Fragment, inside))
	s.Auth = s.hostapd(t, file, inside)
	s.await(t)
	return s
}

// StartAccessPoint runs hostapd as a NAS that nobody is connected to, until the
// test's end: it takes Disconnect-Requests (RFC 5176) signed with Secret at the
// address Dynamic, strictly, and knows none of their sessions.
func StartAccessPoint(t testing.TB, identifier string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	const inside = 3799 // in the namespace
	file := write(t, s.dir, "hostapd.conf", fmt.Sprintf(`driver=none
interface=lo
ssid=test
ieee8021x=1
eap_server=0
logger_stdout=-1
logger_stdout_level=0
own_ip_addr=127.0.0.1
nas_identifier=%s
auth_server_addr=127.0.0.1
auth_server_port=1
auth_server_shared_secret=%[2]s
radius_das_port=%[3]d
radius_das_client=127.0.0.1 %[2]s
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
`, identifier, Secret, inside))
	s.Dynamic = s.hostapd(t, file, inside)
	t.Cleanup(s.process.Stop)
	return s
}

// hostapd starts it in a network of its own and gives the address outside that
// leads to a port of it.
func (s *Server) hostapd(t testing.TB, file string, inside int) string {
	t.Helper()
	outside, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread, with its network, ends with the goroutine
		err := ownNetwork()
		if err == nil {
			s.process, err = child.Start(s.dir, "/usr/sbin/hostapd", file)
		}
		started <- err
		if err == nil {
			relay(outside, inside)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return outside.LocalAddr().String()
}

// relay carries datagrams between a socket outside and a port of the calling
// thread's network, where each source outside has a source of its own. It ends
// when the socket outside is closed.
func relay(outside *net.UDPConn, inside int) {
	ways := map[netip.AddrPort]net.Conn{}
	defer func() {
		for _, way := range ways {
			_ = way.Close()
		}
	}()
	var b [4096]byte
	for {
		n, from, err := outside.ReadFromUDPAddrPort(b[:])
		if err != nil {
			return
		}
		way := ways[from]
		if way == nil {
			if way, err = net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: inside}); err != nil {
				return
			}
			ways[from] = way
			go back(way, outside, from)
		}
		_, _ = way.Write(b[:n]) // hostapd may not listen yet
	}
}

func back(way net.Conn, outside *net.UDPConn, to netip.AddrPort) {
	var b [4096]byte
	for {
		n, err := way.Read(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = outside.WriteToUDPAddrPort(b[:n], to)
		}
	}
}

// ownNetwork gives the calling thread a network of its own with a loopback.
func ownNetwork() error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return fmt.Errorf("a network namespace for hostapd takes root, or unshare -Urn: %w", err)
	}
	if out, err := exec.Command("/usr/sbin/ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	return nil
}

func hostapdFlags(o Options) string {
	flags := []string{"[DISABLE-TLSv1.0]", "[DISABLE-TLSv1.1]"}
	if o.MinTLS == "1.3" {
		flags = append(flags, "[DISABLE-TLSv1.2]")
	}
	if o.MaxTLS == "1.2" {
		flags = append(flags, "[DISABLE-TLSv1.3]")
	} else {
		flags = append(flags, "[ENABLE-TLSv1.3]")
	}
	return strings.Join(flags, "")
}

// hostapdUsers writes an eap_user file: whom it offers which outer method, then
// (marked 2) who has which password inside.
func hostapdUsers(t testing.TB, o Options) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\"device\" TLS\n* TTLS,PEAP,TLS\n")
	for _, u := range o.Users {
		fmt.Fprintf(&b, "%s MSCHAPV2,GTC,TTLS-PAP,TTLS-MSCHAPV2 %s [2]\n", quote(t, u.Name), quote(t, u.Password))
		if u.VLAN != 0 {
			fmt.Fprintf(&b, "radius_accept_attr=64:d:13\nradius_accept_attr=65:d:6\nradius_accept_attr=81:s:%s\n", strconv.Itoa(u.VLAN))
		}
	}
	return b.String()
}
