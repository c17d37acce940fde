// Package radius measures what one Wi-Fi sign-in costs: the server runs in a
// process of its own with one core's worth of Go, the load in this one, so that
// the server's CPU time can be told from the generator's. The server decides as
// in production, with access control, audit and metrics; everybody has signed in
// once before the clock runs.
//
//	go test -run - -bench . -benchtime 200000x ./bench/radius
//	go test -run - -bench . -benchtime 200000x ./bench/radius -against 127.0.0.1:21812 -pid $(pidof freeradius)
//
// The figure to read is µs-cpu/op, the server's user and system time a request.
// With -against another server is measured: it has to know user000000 to
// user009999 with the password Snegir-2021, and the secret bench-secret.
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
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv"
	"schoolbridge/radiussrv/wire"
)

const secret = "bench-secret"

var (
	serveHere   = flag.Bool("serve", false, "be the server")
	profile     = flag.String("serverprofile", "", "where the server writes a CPU profile")
	against     = flag.String("against", "", "measure the server at this address instead of ours")
	pid         = flag.Int("pid", 0, "process of that server")
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

// serve answers until it is interrupted, and prints its address first.
func serve() error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(40) // as the daemon does
	clients, err := radiussrv.NewClients([]radiussrv.Client{{
		Name: "bench", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: secret, School: "1001",
	}})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	registry := prometheus.NewRegistry()
	judge, err := authenticator(ctx, registry)
	if err != nil {
		return err
	}
	s, err := radiussrv.New(radiussrv.Options{
		Auth: judge, Clients: func() *radiussrv.Clients { return clients }, Metrics: registry,
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
	go func() { _ = s.ServeAuthentication(conn) }()
	fmt.Println(conn.LocalAddr())
	<-ctx.Done()
	return s.Shutdown(context.Background())
}

func BenchmarkPAP(b *testing.B) { measure(b, pap) }

func BenchmarkMSCHAPv2(b *testing.B) { measure(b, mschap2) }

// measure runs questions by one method against a server.
func measure(b *testing.B, method func(*wire.Request, int) error) {
	addr, process := *against, *pid
	if addr == "" {
		addr, process = start(b)
	}
	ask := func(n int) (asked [][]byte) {
		for i := range n {
			q, err := question(i, method)
			if err != nil {
				b.Fatal(err)
			}
			asked = append(asked, q)
		}
		return asked
	}
	warm, questions := ask(people), ask(b.N)
	if err := generate(addr, warm); err != nil {
		b.Fatal(err)
	}
	before := used(b, process)
	b.ResetTimer()
	began := time.Now()
	if err := generate(addr, questions); err != nil {
		b.Error(err)
	}
	took := time.Since(began)
	b.StopTimer()
	b.ReportMetric(float64((used(b, process)-before).Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "auth/s")
	b.ReportMetric(resident(b, process), "MiB-rss")
}

// start runs our server until the benchmark ends.
func start(b *testing.B) (addr string, process int) {
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
	b.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n])), server.Process.Pid
}

// used is a process's CPU time, in hundredths of a second (proc(5)).
func used(b *testing.B, process int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is what a process has in memory, in MiB.
func resident(b *testing.B, process int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", process))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
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
		if lost := len(questions) - answered; err != nil && lost <= min(*outstanding, len(questions)/1000) {
			fmt.Fprintln(os.Stderr, lost, "without an answer")
			return nil
		}
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
func question(i int, method func(*wire.Request, int) error) ([]byte, error) {
	r := &wire.Request{Code: wire.AccessRequest, ID: byte(i)}
	// Spread like the random bytes that they stand for.
	binary.BigEndian.PutUint64(r.Authenticator[:], uint64(asked.Add(1))*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(r.Authenticator[8:], uint64(i))
	r.AddText(wire.UserName, login(i))
	if err := method(r, i); err != nil {
		return nil, err
	}
	r.AddText(wire.CallingStationID, "02-00-00-00-00-01")
	r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
	r.Add(wire.NASIPAddress, []byte{127, 0, 0, 1})
	return r.Encode([]byte(secret))
}

// asked makes every question another one.
var asked atomic.Int64

func pap(r *wire.Request, _ int) error { return r.AddPassword([]byte(password), []byte(secret)) }

func mschap2(r *wire.Request, i int) error {
	theirs := r.Authenticator // random enough
	response := mschap.Response(nt, mschap.Challenge(theirs, r.Authenticator, login(i)))
	value := append(append(append([]byte{1, 0}, theirs[:]...), make([]byte, 8)...), response[:]...)
	r.AddVendor(wire.Microsoft, wire.MSCHAPChallenge, r.Authenticator[:])
	r.AddVendor(wire.Microsoft, wire.MSCHAP2Response, value)
	return nil
}
