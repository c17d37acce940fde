package load

import (
	"context"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/radiussrv/wire"
)

func fixed(d time.Duration) func(context.Context, uint64) Sample {
	return func(context.Context, uint64) Sample {
		time.Sleep(d)
		return Sample{Outcome: "accepted", Rounds: 2}
	}
}

// fake waits on the clock of the test's bubble.
func fake(ctx context.Context, t time.Time) bool { return sleep(ctx, time.Until(t)) }

func TestOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), Options{until: fake, Rate: 100, Duration: 10 * time.Second}, fixed(20*time.Millisecond))
		if err != nil || r.Ended != 1000 || r.Outcomes["accepted"] != 1000 || r.Late != 0 || r.NotStarted != 0 || r.Rounds != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		if r.Latency.P50 < 20 || r.Latency.P99 > 20.4 || r.Rate < 99 || r.Rate > 101 {
			t.Errorf("%+v", r)
		}
	})
}

// TestCoordinatedOmission: a server that stands still for two seconds kept 200
// people waiting, one second on average, though only four sign-ins saw it.
func TestCoordinatedOmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		do := func(context.Context, uint64) Sample {
			if now := time.Since(began); now >= 4*time.Second && now < 6*time.Second {
				time.Sleep(6*time.Second - now)
			}
			return Sample{Outcome: "accepted"}
		}
		r, err := Run(t.Context(), Options{until: fake, Rate: 100, Concurrency: 4, Duration: 10 * time.Second}, do)
		if err != nil || r.Ended != 1000 || r.Late < 190 || r.NotStarted != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if r.Latency.P90 < 900 || r.Latency.Max < 1900 || r.Latency.P50 > 1 || r.Service.P99 > 100 || r.Service.Max < 1900 {
			t.Errorf("latency %+v, service %+v", r.Latency, r.Service)
		}
	})
}

// TestTooSlow: what has not begun by the end is told.
func TestTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), Options{until: fake, Rate: 100, Concurrency: 2, Duration: 10 * time.Second}, fixed(990*time.Millisecond))
		if err != nil || r.Ended != 22 || r.NotStarted != 978 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		do := func(context.Context, uint64) Sample {
			if n := at.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(100 * time.Millisecond)
			at.Add(-1)
			return Sample{Outcome: "rejected", Problem: "wrong_password", Repeats: 1, Resumed: true}
		}
		reports := 0
		o := Options{Concurrency: 10, Duration: 20 * time.Second, Ramp: 10 * time.Second, Think: 400 * time.Millisecond, Progress: func(Report) { reports++ }}
		r, err := Run(t.Context(), o, do)
		// Ten devices, the last beginning after 9 s, each about twice a second.
		if err != nil || r.Ended < 280 || r.Ended > 340 || most.Load() > 10 || r.Problems["wrong_password"] != r.Ended || r.Resumed != r.Ended || r.Repeats != r.Ended {
			t.Errorf("%+v, %v, %d at once", r, err, most.Load())
		}
		if reports < 3 {
			t.Errorf("%d progress reports", reports)
		}
	})
}

func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, o := range []Options{{until: fake, Rate: 100}, {Concurrency: 10}} {
			o.Duration, o.Count = time.Hour, 55
			r, err := Run(t.Context(), o, fixed(time.Second))
			if err != nil || r.Ended != 55 || r.NotStarted != 0 || r.Seconds > 7 {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}

// TestInterrupted: what we cut off ourselves says nothing of the server.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		do := func(ctx context.Context, n uint64) Sample {
			if n > 10 {
				<-ctx.Done()
			}
			return Sample{Outcome: "accepted"}
		}
		r, err := Run(ctx, Options{until: fake, Rate: 100, Duration: time.Hour}, do)
		if err != nil || r.Ended != 11 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestSchedule(t *testing.T) {
	o := Options{Rate: 50, Ramp: 4 * time.Second, Duration: 10 * time.Second}
	var before time.Duration
	for n := range uint64(400) {
		at := o.at(n)
		if n > 0 && at <= before {
			t.Fatalf("sign-in %d at %v, the one before at %v", n, at, before)
		}
		before = at
	}
	if n := o.planned(4 * time.Second); n != 100 {
		t.Errorf("%d in the ramp", n)
	}
	if n := o.planned(10 * time.Second); n != 400 || o.at(399) >= o.Duration || o.at(400) < o.Duration {
		t.Errorf("%d in all; the last at %v, the next at %v", n, o.at(399), o.at(400))
	}
	for name, bad := range map[string]Options{
		"nothing": {Duration: time.Second}, "no time": {Rate: 1}, "long ramp": {Rate: 1, Duration: 1, Ramp: 2},
		"thinking at a rate": {Rate: 1, Duration: time.Second, Think: 1}, "NaN": {Rate: math.NaN(), Concurrency: 1, Duration: 1},
		"too many": {Concurrency: 1 << 20, Duration: 1}, "backwards": {Rate: -1, Concurrency: 1, Duration: 1},
	} {
		if _, err := Run(t.Context(), bad, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for us := range 100_000 {
		h.add(time.Duration(us) * time.Microsecond)
	}
	for q, want := range map[float64]float64{.5: 50, .9: 90, .99: 99, .999: 99.9} {
		if got := h.quantile(q); math.Abs(got-want) > want/64 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	for _, us := range []uint64{0, 1, 127, 128, 129, 255, 256, 1000, 123456789, 1 << 40} {
		i := bucket(us)
		if upper(i) < us || i > 0 && upper(i-1) >= us {
			t.Errorf("%d is in bucket %d, from %d to %d", us, i, upper(i-1), upper(i))
		}
	}
	h.add(time.Duration(math.MaxInt64))
	h.add(-time.Second)
	if (&histogram{}).times() != (Times{}) {
		t.Error("nothing has percentiles")
	}
}

func TestReadUsers(t *testing.T) {
	for text, want := range map[string]string{
		"a,b\nc,d\n":                    "a c",
		"\ufefflogin,password\na,b\n":   "a",
		"login,password\n\"x\",\"y,z\"": "x",
		"a,\n":                          "a", // an empty password is a case to try
	} {
		users, err := ReadUsers(strings.NewReader(text))
		var logins []string
		for _, u := range users {
			logins = append(logins, u.Login)
		}
		if err != nil || strings.Join(logins, " ") != want {
			t.Errorf("%q: %v, %v", text, logins, err)
		}
	}
	for _, text := range []string{"", "login,password\n", "a\n", "a,b,c\n", ",b\n", "a,\"b\n", "a," + strings.Repeat("x", 129), strings.Repeat("a", 254) + ",b"} {
		if users, err := ReadUsers(strings.NewReader(text)); err == nil {
			t.Errorf("%q: %d users", text, len(users))
		} else if strings.Contains(err.Error(), "xx") {
			t.Errorf("the error shows the line: %v", err)
		}
	}
}

func TestTurns(t *testing.T) {
	for _, share := range []float64{0.1, 0.5, 0.9, 1} {
		var backs []uint64
		for n := range uint64(1000) {
			if back, ok := turn(n, share); ok {
				backs = append(backs, back)
			}
		}
		if want := int(1000 * share); len(backs) < want-1 || len(backs) > want || !slices.IsSorted(backs) || backs[len(backs)-1] != uint64(len(backs)-1) {
			t.Errorf("share %g: %d come back", share, len(backs))
		}
	}
}

func TestOptionsOfRADIUS(t *testing.T) {
	users := []User{{"a", "b"}}
	for name, o := range map[string]RADIUSOptions{
		"nobody":         {Method: probe.PAP},
		"no method":      {Users: users},
		"PAP comes back": {Users: users, Method: probe.PAP, Resume: 1},
		"share":          {Users: users, Method: probe.EAPMethod, Resume: 2, EAP: eappeer.Options{Method: eappeer.TTLSPAP}},
		"no EAP method":  {Users: users, Method: probe.EAPMethod},
	} {
		if _, err := NewRADIUS(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// sessionTold gives the Acct-Session-Id of a new load's first request.
func sessionTold(t *testing.T) string {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	r, err := NewRADIUS(RADIUSOptions{Users: []User{{"a", "b"}}, Method: probe.Accounting, Server: server.LocalAddr().String(),
		Client: wire.ClientOptions{Secret: []byte("secret"), Wait: time.Minute, Tries: 1}, Point: nas.Point{Address: netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Sample)
	go func() { done <- r.Do(ctx, 0) }()
	var b [4096]byte
	n, _, err := server.ReadFrom(b[:])
	cancel()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	for rest := b[20:n]; len(rest) > 2 && int(rest[1]) <= len(rest) && rest[1] > 2; rest = rest[rest[1]:] {
		if rest[0] == 44 { // Acct-Session-Id
			return string(rest[2:rest[1]])
		}
	}
	t.Fatal("the request names no session")
	return ""
}

// RFC 2866 section 5.5: ids are unique, over loads too.
func TestSessionsOfTwoLoadsDiffer(t *testing.T) {
	if a, b := sessionTold(t), sessionTold(t); a == b {
		t.Errorf("both loads begin with the session %q", a)
	}
}

func FuzzReadUsers(f *testing.F) {
	f.Add("login,password\na,b\n")
	f.Add("\"a\"\"\",b\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := ReadUsers(strings.NewReader(text))
		if (err == nil) != (len(users) > 0) {
			t.Fatal(users, err)
		}
		for _, u := range users {
			if u.Login == "" || len(u.Login) > 253 || len(u.Password) > 128 {
				t.Fatalf("%q", u.Login)
			}
		}
	})
}

// TestUntil: never early, and not at all once it is over.
func TestUntil(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Microsecond, 3 * time.Millisecond} {
		at := time.Now().Add(d)
		if !until(t.Context(), at) || time.Now().Before(at) {
			t.Errorf("%v: too early", d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if until(ctx, time.Now().Add(time.Hour)) || until(ctx, time.Now()) {
		t.Error("it is over")
	}
}
