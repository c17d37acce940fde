// Package accounting measures what the journal of Wi-Fi sessions bears and what
// it costs those who sign in meanwhile: server, store (SQLite on the disk of the
// temporary folder, synchronous) and journal run in a process of their own, the
// load in this one.
//
//	go test -bench . -benchtime 100000x ./bench/accounting
//	go test -bench . -benchtime 20000x ./bench/accounting -rate 1000
//
// Figures: records/s and µs-cpu/op of accounting (sign-ins included), and the
// median and 99th percentile of 500 sign-ins a second, first alone and then
// beside it.
package accounting

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
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/radiussrv"
	"schoolbridge/radiussrv/wire"
)

const secret = "bench-secret"

var (
	serveAt = flag.String("serve", "", "be the server, with the store in this folder")
	rate    = flag.Int("rate", 0, "accounting records a second; 0: as fast as they are answered")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveAt != "" {
		if err := serve(*serveAt); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// everybody is admitted, each a person of the name's number.
type everybody struct{}

func (everybody) Authenticate(_ context.Context, c identity.Credential) identity.Verdict {
	var id identity.PersonID
	copy(id[:], c.Name)
	return identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonRecent, Person: id, Login: identity.Login(c.Name), Grant: identity.Grant{VLAN: 20}}
}

type accounts struct{ journal *journal.Journal }

func (a accounts) Account(ctx context.Context, r radiussrv.Record) error {
	status := map[radiussrv.Status]journal.Status{radiussrv.Start: journal.Start, radiussrv.Interim: journal.Interim, radiussrv.Stop: journal.Stop}[r.Status]
	return a.journal.Account(ctx, journal.Record{
		Status: status, At: r.At, NAS: r.Source.NAS, Unit: r.NASIdentifier, Key: r.SessionID, Person: r.Person, Addresses: r.Addresses, Duration: r.Duration,
		Detail:  journal.Detail{Device: r.Source.Device, Station: r.Station, SSID: r.Source.SSID, Peer: r.Source.Addr, NASIdentifier: r.NASIdentifier},
		Traffic: journal.Traffic{InOctets: r.InOctets},
	})
}

// serve answers until it is interrupted, and prints its addresses first.
func serve(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	db, err := sqlite.OpenFiles(ctx, filepath.Join(dir, "store.db"), filepath.Join(dir, "keyset.json"), store.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	clients, err := radiussrv.NewClients([]radiussrv.Client{{Name: "bench", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: secret}})
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	j := journal.New(db.Journal(), journal.Options{Registerer: metrics})
	s, err := radiussrv.New(radiussrv.Options{Auth: everybody{}, Clients: func() *radiussrv.Clients { return clients }, Accounting: accounts{j}, Metrics: metrics})
	if err != nil {
		return err
	}
	var sockets [2]*net.UDPConn
	for i := range sockets {
		if sockets[i], err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return err
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	go func() { _ = s.ServeAuthentication(sockets[0]) }()
	go func() { _ = s.ServeAccounting(sockets[1]) }()
	fmt.Println(sockets[0].LocalAddr(), sockets[1].LocalAddr())
	<-ctx.Done()
	if err := s.Shutdown(context.Background()); err != nil {
		return err
	}
	return <-ended
}

func BenchmarkAccountingBesideSignIns(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self, "-serve", b.TempDir())
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	var auth, acct string
	if _, err := fmt.Fscan(out, &auth, &acct); err != nil {
		b.Fatal(err)
	}
	alone, err := signIns(auth, time.After(3*time.Second))
	if err != nil {
		b.Fatal(err)
	}
	before := cpu(b, server.Process.Pid)
	ended, beside := make(chan time.Time), make(chan []time.Duration, 1)
	go func() {
		took, err := signIns(auth, ended)
		if err != nil {
			b.Error(err)
		}
		beside <- took
	}()
	b.ResetTimer()
	began := time.Now()
	if err := account(acct, b.N); err != nil {
		b.Error(err)
	}
	took := time.Since(began)
	b.StopTimer()
	close(ended)
	loaded := <-beside
	used := cpu(b, server.Process.Pid) - before
	_ = server.Process.Signal(os.Interrupt)
	if err := server.Wait(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "records/s")
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
	for name, list := range map[string][]time.Duration{"alone": alone, "beside": loaded} {
		slices.Sort(list)
		for _, share := range []int{50, 99} {
			if len(list) > 0 {
				b.ReportMetric(float64(list[len(list)*share/100].Microseconds()), fmt.Sprintf("µs-sign-in-%s-p%d", name, share))
			}
		}
	}
}

// cpu is what a process has used, sign-ins and all.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	var user, system int64
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// signIns asks 500 times a second, whatever the answers do, and gives how long
// each answer took.
func signIns(address string, end <-chan time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var mu sync.Mutex
	var sent [256]time.Time
	var took []time.Duration
	go func() {
		var reply [4096]byte
		for {
			n, err := conn.Read(reply[:])
			if err != nil || n < 20 {
				return
			}
			mu.Lock()
			took = append(took, time.Since(sent[reply[1]]))
			mu.Unlock()
		}
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-end:
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(took), nil
		case <-tick.C:
		}
		r := &wire.Request{Code: wire.AccessRequest, ID: byte(i)}
		binary.BigEndian.PutUint64(r.Authenticator[:], uint64(i)*0x9E3779B97F4A7C15)
		r.AddText(wire.UserName, fmt.Sprintf("user%06d", i%10000))
		if err := r.AddPassword([]byte("Snegir-2021"), []byte(secret)); err != nil {
			return nil, err
		}
		b, err := r.Encode([]byte(secret))
		if err != nil {
			return nil, err
		}
		mu.Lock()
		sent[byte(i)] = time.Now()
		mu.Unlock()
		if _, err := conn.Write(b); err != nil {
			return nil, err
		}
	}
}

// account tells n records of sessions that begin, go on three times and end.
func account(address string, n int) error {
	client := wire.NewClient(address, wire.ClientOptions{Secret: []byte(secret), Lines: 2, Wait: 5 * time.Second, Tries: 5})
	defer client.Close()
	sessions := make(chan int)
	var workers sync.WaitGroup
	failed := make(chan error, 1)
	for range 384 {
		workers.Go(func() {
			for i := range sessions {
				for step := range min(5, n-5*i) {
					if _, err := client.Line().Exchange(context.Background(), record(i, step)); err != nil {
						select {
						case failed <- err:
						default:
						}
						return
					}
				}
			}
		})
	}
	var err error
	began := time.Now()
	for i := 0; i*5 < n && err == nil; i++ {
		if *rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(5*i) * time.Second / time.Duration(*rate))))
		}
		select {
		case sessions <- i:
		case err = <-failed:
		}
	}
	close(sessions)
	workers.Wait()
	return err
}

func record(session, step int) *wire.Request {
	r := &wire.Request{Code: wire.AccountingRequest}
	r.AddUint32(wire.AcctStatusType, []uint32{1, 3, 3, 3, 2}[step])
	r.AddText(wire.AcctSessionID, fmt.Sprintf("5F1A-%08X", session))
	r.AddText(wire.NASIdentifier, "ap-"+fmt.Sprint(session%100))
	r.AddText(wire.UserName, fmt.Sprintf("user%06d", session%10000))
	r.AddText(wire.CallingStationID, fmt.Sprintf("02-00-00-%02X-%02X-%02X", session>>16&0xff, session>>8&0xff, session&0xff))
	r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
	r.AddUint32(wire.AcctSessionTime, uint32(600*step))
	r.AddUint32(wire.AcctInputOctets, uint32(100000*step))
	if step > 0 {
		r.Add(wire.FramedIPAddress, []byte{10, byte(session >> 16), byte(session >> 8), byte(session)})
	}
	return r
}
