// Package radius measures what one Wi-Fi sign-in costs: the server runs in a
// process of its own with one core's worth of Go, the load in this one, so that
// the server's CPU time can be told from the generator's.
//
//	go test -bench PAP -benchtime 200000x ./bench/radius
//
// The figure to read is µs-cpu/op, the server's user and system time a request.
package radius

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv"
	"schoolbridge/radiussrv/wire"
)

const secret = "bench-secret"

var (
	serveHere   = flag.Bool("serve", false, "be the server")
	profile     = flag.String("serverprofile", "", "where the server writes a CPU profile")
	outstanding = flag.Int("outstanding", 64, "requests in flight, at most 256")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveHere {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// everybody is admitted to VLAN 20.
type everybody struct{}

func (everybody) Authenticate(_ context.Context, c identity.Credential) identity.Verdict {
	return identity.Verdict{
		Outcome: identity.Accepted, Reason: identity.ReasonRecent, Person: identity.PersonID{1},
		Login: identity.Login(c.Name), Grant: identity.Grant{VLAN: 20},
	}
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
	s, err := radiussrv.New(radiussrv.Options{
		Auth: everybody{}, Clients: func() *radiussrv.Clients { return clients }, Metrics: prometheus.NewRegistry(),
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

func BenchmarkPAP(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self, "-serve", "-serverprofile", *profile)
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

	questions := make([][]byte, b.N)
	for i := range questions {
		if questions[i], err = question(i); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	began := time.Now()
	if err := generate(addr, questions); err != nil {
		b.Error(err)
	}
	took := time.Since(began)
	b.StopTimer()
	_ = server.Process.Signal(os.Interrupt)
	_ = server.Wait()
	usage := server.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "auth/s")
	b.ReportMetric(float64(usage.Maxrss)/1024, "MiB-rss")
}

// generate asks from one socket, the next question whenever an answer comes
// in, so that no time goes into waking up.
func generate(addr string, questions [][]byte) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range questions[:min(*outstanding, len(questions))] {
		if _, err := conn.Write(q); err != nil {
			return err
		}
	}
	var reply [4096]byte
	for answered := range questions {
		if answered%1024 == 0 {
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		}
		n, err := conn.Read(reply[:])
		if err != nil {
			return fmt.Errorf("after %d answers: %w", answered, err)
		}
		if n < 20 || wire.Code(reply[0]) != wire.AccessAccept {
			return fmt.Errorf("answered with code %d", reply[0])
		}
		if next := answered + *outstanding; next < len(questions) {
			if _, err := conn.Write(questions[next]); err != nil {
				return err
			}
		}
	}
	return nil
}

// question is a sign-in as an access point asks it.
func question(i int) ([]byte, error) {
	r := &wire.Request{Code: wire.AccessRequest, ID: byte(i)}
	// Spread like the random bytes that they stand for.
	binary.BigEndian.PutUint64(r.Authenticator[:], uint64(i)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(r.Authenticator[8:], uint64(i))
	r.AddText(wire.UserName, fmt.Sprintf("user%06d", i%10000))
	if err := r.AddPassword([]byte("Snegir-2021"), []byte(secret)); err != nil {
		return nil, err
	}
	r.AddText(wire.CallingStationID, "02-00-00-00-00-01")
	r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
	r.Add(wire.NASIPAddress, []byte{127, 0, 0, 1})
	return r.Encode([]byte(secret))
}
