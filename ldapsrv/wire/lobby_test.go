package wire

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func (w *world) inLobby() int {
	w.Server.mu.Lock()
	defer w.Server.mu.Unlock()
	return w.lobby.all.n + w.unheard.n
}

// ended says whether the server has ended a connection that asked nothing.
func (p *peer) ended() bool {
	_, err := p.Read(make([]byte, 1))
	return err != nil && !isTimeout(err)
}

// A thousand silent connections, each of an address of its own, do not keep
// anybody out, whatever they are silent in; whoever is signed in, or is about to
// be, stays.
func TestSilentCrowd(t *testing.T) {
	const places = 1000
	config := serverTLS(t)
	w := startAs(t, Options{Limits: Limits{Connections: places, PerSource: 5}, TLS: func() *tls.Config { return config }}, Listener{})
	board, busy := w.dialFrom("127.0.0.2"), w.dialFrom("127.0.0.3")
	board.send(pdu(1, OpBindRequest, []byte("in")))
	board.want(1, "in")
	busy.send(request1(1, "hold")) // a sign-in that waits for mos.ru, say
	<-w.e.started
	var crowd []*peer
	for i := range places - 2 {
		p := w.dialFrom(fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250))
		switch i % 4 {
		case 1:
			p.send([]byte{0x30}) // a request that does not go on
		case 2:
			p.send(request1(1, "asked")) // no bind, and silent since
			p.want(1, "asked")
		case 3:
			p.send(request1(1, "starttls"))
			p.want(1, "")
		}
		crowd = append(crowd, p)
	}
	w.eventually("they are not all there", func() bool { return w.inLobby() == places-1 && len(w.open()) == places })
	for i := range 300 {
		if !w.dialFrom(fmt.Sprintf("127.2.0.%d", 1+i%250)).answered(2) {
			t.Fatalf("newcomer %d is kept out", i)
		}
	}
	if n := w.metric("refused_connections_total", troubleConnections); n != 0 || len(w.open()) > places {
		t.Errorf("%v are refused, %d are there", n, len(w.open()))
	}
	if n := w.metric("ended_connections_total", troubleCrowded); n != 300 {
		t.Errorf("%v made room", n)
	}
	if !crowd[0].ended() || !crowd[1].ended() || !crowd[7].ended() {
		t.Error("one that has been silent for longest is still there")
	}
	if p := crowd[len(crowd)-2]; !p.answered(1) {
		t.Error("one that came late has made room")
	}
	if !board.answered(3) {
		t.Error("whoever is signed in made room")
	}
	close(w.e.release)
	busy.want(1, "hold")
}

// One of the source with most makes room, wherever it stands; where none has a crowd, the
// one that has been silent for longest.
func TestCrowdOfOneSource(t *testing.T) {
	w := start(t, Limits{Connections: 100})
	old := w.dialFrom("127.0.0.2")
	w.eventually("it is not there", func() bool { return w.inLobby() == 1 })
	var crowd []*peer
	for i := range 99 {
		crowd = append(crowd, w.dialFrom(fmt.Sprintf("127.0.1.%d", max(1+i, 90)-90))) // ninety of one address
	}
	w.eventually("they are not all there", func() bool { return w.inLobby() == 100 })
	for i := range 90 - w.lobby.few {
		if w.dialFrom(fmt.Sprintf("127.0.2.%d", i)).answered(1); !crowd[i].ended() {
			t.Fatalf("connection %d of the source with most is still there", i)
		}
	}
	if !old.answered(1) || !crowd[90-w.lobby.few].answered(1) || !crowd[98].answered(1) {
		t.Error("another one made room")
	}
}

// A school of two behind one address does not give way to a great many addresses with
// one each that came before.
func TestCrowdBesideASchool(t *testing.T) {
	w := start(t, Limits{Connections: 30})
	var crowd, school []*peer
	for i := range 28 {
		crowd = append(crowd, w.dialFrom(fmt.Sprintf("127.0.1.%d", i)))
	}
	w.eventually("they are not there", func() bool { return w.inLobby() == 28 })
	for range 2 {
		school = append(school, w.dialFrom("127.0.0.2"))
	}
	w.eventually("it is not there", func() bool { return w.inLobby() == 30 })
	for i := range 28 {
		if w.dialFrom(fmt.Sprintf("127.0.2.%d", i)).answered(1); !crowd[i].ended() {
			t.Fatalf("connection %d, silent for longer, is still there", i)
		}
	}
	if !school[0].answered(1) || !school[1].answered(1) {
		t.Error("the school made room")
	}
}

// Nor does a school of eight to addresses with a few each: no such number is a crowd.
func TestSchoolAmongFews(t *testing.T) {
	w := start(t, Limits{Connections: 100})
	var crowd, school []*peer
	for i := range 92 {
		crowd = append(crowd, w.dialFrom(fmt.Sprintf("127.0.1.%d", 1+i/4)))
	}
	w.eventually("they are not there", func() bool { return w.inLobby() == 92 })
	for range 8 {
		school = append(school, w.dialFrom("127.0.0.2"))
	}
	w.eventually("it is not there", func() bool { return w.inLobby() == 100 })
	for i := range 4 {
		if w.dialFrom(fmt.Sprintf("127.0.2.%d", i)).answered(1); !crowd[i].ended() {
			t.Errorf("connection %d, silent for longer, is still there", i)
		}
	}
	for i, p := range school {
		if !p.answered(1) {
			t.Errorf("the school's connection %d made room", i)
		}
	}
}

// Where a source has all the connections that it may, the longest silent of its own
// makes room for its newcomer, and nobody else's; who is signed in or busy does not.
func TestRoomWithinASource(t *testing.T) {
	w := start(t, Limits{PerSource: 4})
	other, in, busy := w.dialFrom("127.0.0.2"), w.dial(), w.dial()
	in.send(pdu(1, OpBindRequest, []byte("in")))
	in.want(1, "in")
	busy.send(request1(1, "hold"))
	<-w.e.started
	dead := []*peer{w.dial(), w.dial()}
	w.eventually("they are not there", func() bool { return w.inLobby() == 4 && len(w.open()) == 5 })
	for i := range 2 {
		newcomer := w.dial()
		if !newcomer.answered(1) || !dead[i].ended() {
			t.Errorf("newcomer %d is kept out, or the longest silent one is still there", i)
		}
		newcomer.send(pdu(1, OpBindRequest, []byte("in")))
		newcomer.want(1, "in")
	}
	w.eventually("they are not signed in", func() bool { return w.inLobby() == 2 })
	w.dial().wantEnd()
	if !other.answered(1) || !in.answered(1) {
		t.Error("another one made room")
	}
	if n := w.metric("refused_connections_total", troublePerSource); n != 1 {
		t.Errorf("%v are refused", n)
	}
	close(w.e.release)
	busy.want(1, "hold")
}

// Where nobody is silent, newcomers are refused; and clients that always have
// something under way do not hide the silent ones behind them.
func TestBusyCrowd(t *testing.T) {
	w := start(t, Limits{Connections: looksInto + 11})
	for range looksInto + 10 {
		w.dial().send(request1(1, "hold"))
		<-w.e.started
	}
	w.dialFrom("127.0.0.2")
	w.eventually("it is not there", func() bool { return w.inLobby() == looksInto+11 })
	w.dialFrom("127.0.0.3").wantEnd() // the silent one is too far behind, and comes nearer
	p := w.dialFrom("127.0.0.3")
	if !p.answered(1) {
		t.Error("a silent one did not make room")
	}
	p.send(request1(1, "hold"))
	<-w.e.started
	for range 3 {
		w.dialFrom("127.0.0.4").wantEnd()
	}
	close(w.e.release)
}

// Behind a balancer room is made for who has a header, among those of its source or of
// all, as elsewhere; whoever has none takes nobody's place.
func TestCrowdBehindBalancer(t *testing.T) {
	w := startAs(t, Options{Limits: Limits{Connections: 3, PerSource: 2}}, Listener{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	introduced := func(client string) *peer {
		p := w.dial()
		p.send([]byte("PROXY TCP4 " + client + " 192.0.2.200 1 389\r\n"))
		if !p.answered(1) {
			t.Errorf("client %s is kept out", client)
		}
		return p
	}
	first, second, third := introduced("192.0.2.1"), introduced("192.0.2.2"), introduced("192.0.2.2")
	var unheard []*peer
	for range unheardLeast {
		unheard = append(unheard, w.dial())
	}
	w.eventually("they are not there", func() bool { return len(w.open()) == 3+unheardLeast })
	if !first.answered(1) || !second.answered(1) || !third.answered(1) {
		t.Error("one made room for nobody")
	}
	introduced("192.0.2.2")
	if !second.ended() || !unheard[0].ended() || !first.answered(1) {
		t.Error("one of another source made room")
	}
	introduced("192.0.2.3")
	if !first.ended() || !third.answered(1) || !unheard[1].answeredAfter("PROXY UNKNOWN\r\n") {
		t.Error("another one made room")
	}
	w.eventually("sources are forgotten wrongly", func() bool {
		w.Server.mu.Lock()
		defer w.Server.mu.Unlock()
		return len(w.sources) == 3
	})
}

// answeredAfter sends a header first.
func (p *peer) answeredAfter(header string) bool {
	p.send([]byte(header))
	return p.answered(1)
}

// The lobby is a list whatever comes and goes, for each source too, and knows which
// has most.
func TestLobby(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const few = 4
	l := lobby{few: few}
	var want []*Conn
	origins := []*origin{newOrigin(), newOrigin(), newOrigin(), newOrigin(), newOrigin()}
	all := make([]*Conn, 60)
	for i := range all {
		all[i] = &Conn{from: origins[i*i%len(origins)]}
		all[i].silent.Store(true)
	}
	holds := func(q queue, want []*Conn) {
		t.Helper()
		var got, back []*Conn
		for c := q.first; c != nil; c = c.places[q.of].behind {
			got = append(got, c)
		}
		for c := q.last; c != nil; c = c.places[q.of].before {
			back = append(back, c)
		}
		slices.Reverse(back)
		if !slices.Equal(got, want) || !slices.Equal(back, want) || q.n != len(want) {
			t.Fatalf("%p and %p, want %p; %d counted", got, back, want, q.n)
		}
	}
	for range 5000 {
		c := all[r.IntN(len(all))]
		if i := slices.Index(want, c); i >= 0 {
			l.remove(c)
			want = slices.Delete(want, i, i+1)
		} else {
			l.remove(c) // is nothing
			l.add(c)
			want = append(want, c)
		}
		holds(l.all, want)
		most, crowds := 0, 0
		for _, o := range origins {
			var of []*Conn
			for _, c := range want {
				if c.from == o {
					of = append(of, c)
				}
			}
			if holds(o.lobby, of); len(of) > 0 {
				crowds++
			}
			most = max(most, len(of))
		}
		if len(l.crowds) != crowds || crowds > 0 && l.crowds[0].lobby.n != most {
			t.Fatalf("%d sources, want %d, and most has %d, want %d", len(l.crowds), crowds, l.crowds[0].lobby.n, most)
		}
		if v := l.victim(); len(want) > 0 && (most > few && v.from.lobby.n != most || most <= few && v != want[0]) {
			t.Fatalf("one of a source with %d of %d makes room", v.from.lobby.n, most)
		}
	}
}

// Whoever is signed out while requests are read ahead is one who may make room.
func TestSignedOutAhead(t *testing.T) {
	w := start(t, Limits{Connections: 1})
	p := w.dial()
	p.send(pdu(1, OpBindRequest, []byte("in")))
	p.want(1, "in")
	w.eventually("he is not counted as signed in", func() bool { return w.inLobby() == 0 })
	p.send(request1(2, "watch"))
	<-w.e.started
	w.dial().wantEnd()
	p.send(request1(3, "signed out")) // read ahead
	close(w.e.release)
	p.want(2, "watch")
	p.want(3, "signed out")
	w.eventually("he is not counted as signed out", func() bool { return w.inLobby() == 1 })
	if !w.dial().answered(1) || !p.ended() {
		t.Error("he did not make room")
	}
}

// To sign in anew on one connection costs the lobby nothing.
func TestLobbyOfRebinds(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	in := pdu(1, OpBindRequest, []byte("in"))
	for range 3 {
		p.send(in, pdu(1, OpBindRequest, []byte("out")), in)
		for _, word := range strings.Fields("in out in") {
			p.want(1, word)
		}
		w.eventually("he is not counted as signed in", func() bool { return w.inLobby() == 0 })
	}
	p.send(pdu(1, OpBindRequest, []byte("out")))
	p.want(1, "out")
	w.eventually("he is counted as signed in", func() bool { return w.inLobby() == 1 })
	_ = p.Conn.(*net.TCPConn).Close()
	w.eventually("who is gone is counted", func() bool { return w.inLobby() == 0 })
}
