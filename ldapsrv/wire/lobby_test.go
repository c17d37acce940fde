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

func (w *world) inLobby() (n int) {
	w.Server.mu.Lock()
	defer w.Server.mu.Unlock()
	for c := w.lobby.first; c != nil; c = c.behind {
		n++
	}
	return n
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

// Of those who came first, one of the source with most makes room.
func TestCrowdOfOneSource(t *testing.T) {
	w := start(t, Limits{Connections: 20})
	old := w.dialFrom("127.0.0.2")
	w.eventually("it is not there", func() bool { return w.inLobby() == 1 })
	var crowd []*peer
	for i := range 19 {
		crowd = append(crowd, w.dialFrom(fmt.Sprintf("127.0.1.%d", max(i-9, 0)))) // ten of one address
	}
	w.eventually("they are not all there", func() bool { return w.inLobby() == 20 })
	for i := range 5 {
		if w.dialFrom(fmt.Sprintf("127.0.2.%d", i)).answered(1); !crowd[i].ended() {
			t.Errorf("connection %d of the source with most is still there", i)
		}
	}
	if !old.answered(1) || !crowd[9].answered(1) || !crowd[18].answered(1) {
		t.Error("another one made room")
	}
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

// Who comes with a balancer makes room and is given it like others.
func TestCrowdBehindBalancer(t *testing.T) {
	w := startAs(t, Options{Limits: Limits{Connections: 3, PerSource: 1}}, Listener{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	silent := w.dial() // without a header yet
	w.eventually("it is not there", func() bool { return w.inLobby() == 1 })
	for i := range 5 {
		p := w.dial()
		p.send([]byte(fmt.Sprintf("PROXY TCP4 192.0.2.%d 192.0.2.200 1 389\r\n", i)))
		if !p.answered(1) {
			t.Errorf("client %d is kept out", i)
		}
	}
	if !silent.ended() {
		t.Error("a connection that is nobody's yet is still there")
	}
	if w.eventually("sources are forgotten wrongly", func() bool {
		w.Server.mu.Lock()
		defer w.Server.mu.Unlock()
		return len(w.sources) == 3
	}); w.metric("ended_connections_total", troubleCrowded) != 3 {
		t.Error("others made room")
	}
}

// The lobby is a list whatever comes and goes, and counts each source's.
func TestLobby(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var l lobby
	var want []*Conn
	origins := []*origin{{}, {}, nil}
	all := make([]*Conn, 40)
	for i := range all {
		all[i] = &Conn{from: origins[i%3]}
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
		var got, back []*Conn
		for c := l.first; c != nil; c = c.behind {
			got = append(got, c)
		}
		for c := l.last; c != nil; c = c.before {
			back = append(back, c)
		}
		slices.Reverse(back)
		count := 0
		for _, c := range want {
			if c.from == origins[0] {
				count++
			}
		}
		if !slices.Equal(got, want) || !slices.Equal(back, want) || origins[0].unbound != count {
			t.Fatalf("%p and %p, want %p; %d counted of %d", got, back, want, origins[0].unbound, count)
		}
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
