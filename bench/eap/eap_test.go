// Package eap measures what one sign-in by EAP costs the server: RADIUS over
// UDP, TLS and the inside, without mos.ru. The server runs in a process of its
// own with one core's worth of Go, the devices in this one.
//
//	go test -bench . -benchtime 2000x ./bench/eap
//
// The figure to read is µs-cpu/op, the server's user and system time a sign-in.
package eap

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/radiussrv"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/wire"
)

const secret = "bench-secret"

var (
	serveFrom = flag.String("serve", "", "be the server, with the certificate in this folder")
	profile   = flag.String("serverprofile", "", "where the server writes a CPU profile")
	devices   = flag.Int("devices", 16, "devices that sign in at the same time")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveFrom != "" {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve answers until it is interrupted, and prints its address first.
func serve() error {
	runtime.GOMAXPROCS(1)
	clients, err := radiussrv.NewClients([]radiussrv.Client{{
		Name: "bench", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: secret, School: "1001",
	}})
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(*serveFrom, "server.pem"), filepath.Join(*serveFrom, "server.key"))
	if err != nil {
		return err
	}
	school := eaptest.NewSchool()
	server, err := eap.New(eap.Options{
		Auth: school, Whose: school.Whose, Certificates: func() []tls.Certificate { return []tls.Certificate{pair} },
		Resumption: time.Hour, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	defer server.Close()
	s, err := radiussrv.New(radiussrv.Options{
		Auth: school, EAP: server, Clients: func() *radiussrv.Clients { return clients }, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() { _ = s.ServeAuthentication(conn) }()
	fmt.Println(conn.LocalAddr())
	<-ctx.Done()
	return s.Shutdown(context.Background())
}

func BenchmarkSignIn(b *testing.B) {
	for _, method := range []struct {
		name   string
		kind   packet.Type
		inside string
	}{{"ttls-pap", packet.TTLS, "pap"}, {"peap-mschapv2", packet.PEAP, "eap-mschapv2"}} {
		for _, version := range []struct {
			name   string
			number uint16
		}{{"tls12", tls.VersionTLS12}, {"tls13", tls.VersionTLS13}} {
			for _, how := range []string{"full", "resumed", "full-rsa"} {
				b.Run(method.name+"/"+version.name+"/"+how, func(b *testing.B) {
					peer := eaptest.Peer{Name: eaptest.Teacher, Password: eaptest.TeacherPassword, Method: method.kind, Inside: method.inside}
					config := &tls.Config{
						ServerName: eaptest.ServerName, MinVersion: version.number, MaxVersion: version.number, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
					}
					measure(b, peer, config, how)
				})
			}
		}
	}
}

// measure lets devices sign in, b.N times in all.
func measure(b *testing.B, peer eaptest.Peer, config *tls.Config, how string) {
	pki := eaptest.NewPKI(b)
	dir := b.TempDir()
	eaptest.Write(b, dir, "server", pki.Server(b, how == "full-rsa"))
	config.RootCAs = pki.Pool()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self, "-serve", dir, "-serverprofile", *profile)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	addr := strings.TrimSpace(string(line[:n]))
	var left atomic.Int64
	left.Store(int64(b.N))
	var trips atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range *devices {
		all.Go(func() {
			if err := device(addr, peer, config, how == "resumed", &left, &trips); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	_ = server.Process.Signal(os.Interrupt)
	_ = server.Wait()
	usage := server.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
	b.ReportMetric(float64(trips.Load())/float64(b.N), "trips/op")
	b.ReportMetric(float64(usage.Maxrss)/1024, "MiB-rss")
}

// device signs in until none is left; the first time of one that resumes is not
// counted, though the server's work for it is.
func device(addr string, peer eaptest.Peer, config *tls.Config, resume bool, left, trips *atomic.Int64) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	config = config.Clone()
	if resume {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	for first := resume; first || left.Add(-1) >= 0; first = false {
		one := peer
		one.TLS = config
		var failed error
		o, err := one.Run(send(conn, &failed))
		switch {
		case failed != nil:
			return failed
		case err != nil:
			return err
		case !o.Success || o.Resumed != (resume && !first):
			return fmt.Errorf("refused, or not resumed: %+v", o)
		}
		trips.Add(int64(o.Trips))
	}
	return nil
}

// send carries EAP over RADIUS as an access point does.
func send(conn net.Conn, failed *error) eaptest.Send {
	var state []byte
	id := byte(0)
	return func(message []byte) []byte {
		r := &wire.Request{Code: wire.AccessRequest, ID: id}
		id++
		_, _ = rand.Read(r.Authenticator[:])
		r.AddText(wire.UserName, "anonymous@school.example")
		r.AddText(wire.CallingStationID, "02-00-00-00-00-01")
		r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
		for at := 0; at < len(message); at += 253 {
			r.Add(wire.EAPMessage, message[at:min(at+253, len(message))])
		}
		if state != nil {
			r.Add(wire.State, state)
		}
		reply, err := exchange(conn, r)
		if err != nil {
			*failed = errors.Join(*failed, err)
			return nil
		}
		state, _ = reply.First(wire.State)
		answer, _ := reply.EAP()
		return answer
	}
}

func exchange(conn net.Conn, r *wire.Request) (*wire.Packet, error) {
	b, err := r.Encode([]byte(secret))
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	var reply [4096]byte
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := conn.Read(reply[:])
	if err != nil {
		return nil, err
	}
	return wire.Parse(reply[:n])
}
