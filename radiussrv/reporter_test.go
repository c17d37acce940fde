package radiussrv

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/radiussrv/wire"
)

// logged collects log lines.
type logged struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lines chan struct{} // gets one for each line, if there is room
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.lines <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestUnsignedClient(t *testing.T) {
	client := loopback()
	client.Unsigned = true
	var log logged
	_, conn, _ := live(t, Options{Clients: table(t, client), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		if p := exchange(t, conn, access(t, "orlovami", "Snegir-2021", func(r *wire.Request) { r.Unsigned = true })); p.Code != wire.AccessAccept {
			t.Errorf("%v", p.Code)
		}
	}
	if n := strings.Count(log.String(), "CVE-2024-3596"); n != 1 {
		t.Errorf("%d warnings, want one:\n%s", n, log.String())
	}
	exchange(t, conn, access(t, "orlovami", "-", func(r *wire.Request) {
		r.Unsigned = true
		_ = r.AddPassword([]byte("Snegir-2021"), []byte("another secret"))
	}))
	if !strings.Contains(log.String(), "cannot be decrypted") {
		t.Errorf("another secret is not hinted at:\n%s", log.String())
	}
}

func TestDroppedPacketsAreReportedSeldom(t *testing.T) {
	var log logged
	now := time.Unix(10000, 0)
	var mu sync.Mutex
	r := newReporter(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}, newMetrics(nil))
	for i := range 1000 {
		r.Dropped(wire.DropUnknownPeer, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9), nil)
		r.Dropped(wire.DropUnknownPeer, netip.MustParseAddrPort("10.0.0.0:9"), nil)
	}
	text := log.String()
	if n := strings.Count(text, "\n"); n != lineBurst/2 {
		t.Errorf("%d lines, want %d", n, lineBurst/2)
	}
	r.Dropped(wire.DropForged, netip.MustParseAddrPort("192.0.2.1:9"), nil)
	if last := log.String()[len(text):]; !strings.Contains(last, "wrong authenticator") || !strings.Contains(last, "lines_withheld=1981") {
		t.Errorf("strangers leave no line for clients, or nobody says how many: %s", last)
	}
	text = log.String()
	if !strings.Contains(text, "range: 10.0.0.1/32") || strings.Count(text, "range: 10.0.0.0/32") != 1 {
		t.Errorf("the line does not say what to configure, or says it twice:\n%s", text)
	}
	now = now.Add(time.Minute)
	r.Dropped(wire.DropUnknownPeer, netip.MustParseAddrPort("[2001:db8::1]:9"), nil)
	if !strings.Contains(log.String(), "range: 2001:db8::1/128") {
		t.Errorf("%s", log.String()[len(text):])
	}
	if got := counted(t, r.metrics.drops[wire.DropUnknownPeer]); got != 2001 {
		t.Errorf("counted %v", got)
	}
}

// A flood of refusals is one line a minute for each address, and says nothing of
// whoever has fewer.
func TestManyRefusalsAreTold(t *testing.T) {
	var log logged
	now := time.Unix(10000, 0)
	r := newReporter(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }, newMetrics(nil))
	client := loopback()
	refuse := func(addr string, times int) {
		for range times {
			r.refusal(&client, netip.MustParseAddr(addr))
		}
	}
	for range 3 {
		refuse("192.0.2.1", 3*manyRefused)
		refuse("192.0.2.2", manyRefused-1)
		now = now.Add(time.Minute)
	}
	if text := log.String(); strings.Count(text, "\n") != 3 || strings.Count(text, "192.0.2.1") != 3 {
		t.Errorf("%s", text)
	}
	for i := range 2 * maxRefusedFrom {
		r.refusal(&client, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if len(r.refused) != maxRefusedFrom {
		t.Errorf("%d addresses are counted", len(r.refused))
	}
}

func TestUnknownNASAndWrongSecretAreSilent(t *testing.T) {
	log := logged{lines: make(chan struct{}, 1)}
	registry := prometheus.NewRegistry()
	other := Client{Name: "elsewhere", Prefix: netip.MustParsePrefix("192.0.2.0/24"), Secret: testSecret}
	clients := table(t, other)
	var mu sync.Mutex
	_, conn, _ := live(t, Options{
		Metrics: registry, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Clients: func() *Clients { mu.Lock(); defer mu.Unlock(); return clients() },
	})
	if _, err := conn.Write(access(t, "orlovami", "Snegir-2021", nil)); err != nil {
		t.Fatal(err)
	}
	<-log.lines
	if !strings.Contains(log.String(), "range: 127.0.0.1/32") {
		t.Errorf("%s", log.String())
	}
	mu.Lock()
	clients = table(t, loopback()) // a reload counts for the next packet
	mu.Unlock()
	r := &wire.Request{Code: wire.AccessRequest, ID: 1}
	r.AddText(wire.UserName, "orlovami")
	b, err := r.Encode([]byte("another secret"))
	if err != nil {
		t.Fatal(err)
	}
	silent(t, conn, b)
	if !strings.Contains(log.String(), "another secret") || strings.Contains(log.String(), "orlovami") {
		t.Errorf("%s", log.String())
	}
}

func TestPasswordsAndNamesStayOutOfLogs(t *testing.T) {
	var log logged
	_, conn, _ := live(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	exchange(t, conn, access(t, "orlovami", "Snegir-2021", nil))
	exchange(t, conn, access(t, "typed-in-anger", "Secret-Words", nil))
	if text := log.String(); strings.Contains(text, "orlovami") || strings.Contains(text, "Snegir") || strings.Contains(text, "anger") ||
		strings.Contains(text, "Secret-Words") || !strings.Contains(text, orlova.String()) {
		t.Errorf("%s", text)
	}
}

// A RadSec connection that is one too many is told with the limit that it hit,
// and with no other.
func TestTheLimitThatWasHit(t *testing.T) {
	for why, want := range map[wire.Drop][2]string{
		wire.DropLimit:   {"radius.radsec_limits.connections", "per_source"},
		wire.DropLimitAt: {"radius.radsec_limits.per_source", "limits.connections"},
	} {
		var log logged
		r := newReporter(slog.New(slog.NewTextHandler(&log, nil)), time.Now, newMetrics(nil))
		r.Dropped(why, netip.MustParseAddrPort("192.0.2.1:9"), nil)
		if text := log.String(); !strings.Contains(text, want[0]) || strings.Contains(text, want[1]) || !strings.Contains(text, "192.0.2.1") {
			t.Errorf("%v: %s", why, text)
		}
	}
}
