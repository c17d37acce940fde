package wire

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// signsIn signs somebody in, and waits until that counts.
func (w *world) signsIn(p *peer, person string) {
	w.Helper()
	p.send(pdu(1, OpBindRequest, []byte("as "+person)))
	p.want(1, "as "+person)
	w.rests(p)
}

// rests waits until the server waits for a client.
func (w *world) rests(p *peer) {
	w.Helper()
	w.eventually("it does not wait for the client", func() bool {
		for c := range w.open() {
			if c.raw.RemoteAddr().String() == p.LocalAddr().String() {
				return c.silent.Load() && c.since.Load() > p.since
			}
		}
		return false
	})
	for c := range w.open() {
		if c.raw.RemoteAddr().String() == p.LocalAddr().String() {
			p.since = c.since.Load()
		}
	}
}

func (w *world) ofPeople() (n int) {
	w.Server.mu.Lock()
	defer w.Server.mu.Unlock()
	for _, q := range w.people {
		n += q.n
	}
	return n
}

// Somebody with as many connections as a person may have gets one more, from whatever
// address, and the one that has been idle for longest is told goodbye; nobody else's is.
func TestConnectionsOfOnePerson(t *testing.T) {
	w := start(t, Limits{PerPerson: 3})
	other, job, silent := w.dialFrom("127.0.0.9"), w.dial(), w.dial()
	w.signsIn(other, "other")
	job.send(pdu(1, OpBindRequest, []byte("in")))
	job.want(1, "in")
	var own []*peer
	for i := range 3 {
		own = append(own, w.dialFrom(fmt.Sprintf("127.0.1.%d", i)))
		w.signsIn(own[i], "pupil")
	}
	if !own[0].answered(1) {
		t.Fatal("the first one does not work")
	}
	w.rests(own[0])
	for i, idlest := range []*peer{own[1], own[2], own[0]} {
		newest := w.dialFrom(fmt.Sprintf("127.0.2.%d", i))
		w.signsIn(newest, "pupil")
		idlest.wantNotice(AdminLimitExceeded)
		if !newest.answered(1) {
			t.Fatal("the newest does not work")
		}
		w.rests(newest)
	}
	if n := w.metric("ended_connections_total", troublePerPerson); n != 3 || w.ofPeople() != 4 {
		t.Errorf("%v are ended, %d are there", n, w.ofPeople())
	}
	if !other.answered(1) || !job.answered(1) || !silent.answered(1) {
		t.Error("another one is ended")
	}
}

// One person does not keep everybody out, however many connections he has signed in on.
func TestPersonTakesAllConnections(t *testing.T) {
	w := start(t, Limits{Connections: 50, PerPerson: 10})
	for i := range 200 {
		p := w.dialFrom(fmt.Sprintf("127.0.1.%d", i%20))
		w.signsIn(p, "pupil")
	}
	w.eventually("he has more", func() bool { return len(w.open()) == 10 })
	if !w.dialFrom("127.0.0.2").answered(1) {
		t.Error("another one is kept out")
	}
}

// Who has something under way on all connections loses one all the same: none of them
// may ever come to its end.
func TestBusyPerson(t *testing.T) {
	w := start(t, Limits{PerPerson: 2})
	first, second := w.dial(), w.dial()
	for _, p := range []*peer{first, second} {
		w.signsIn(p, "pupil")
		p.send(request1(2, "hold"))
		<-w.e.started
	}
	third := w.dial()
	w.signsIn(third, "pupil")
	if first.wantEnd(); !third.answered(1) {
		t.Error("the newest does not work")
	}
	w.rests(third)
	w.signsIn(w.dial(), "pupil")
	third.wantNotice(AdminLimitExceeded) // it is idle
	close(w.e.release)
	second.want(2, "hold")
}

// A connection counts for whoever is signed in on it: for nobody when he is signed out,
// and for another when that one is.
func TestPeopleOfOneConnection(t *testing.T) {
	w := start(t, Limits{PerPerson: 1})
	p, q := w.dial(), w.dial()
	for i := range 20 {
		w.signsIn(p, fmt.Sprint("one ", i))
		w.signsIn(q, fmt.Sprint("two ", i))
	}
	if w.signsIn(p, "two 19"); w.ofPeople() != 1 {
		t.Errorf("%d count", w.ofPeople())
	}
	q.wantNotice(AdminLimitExceeded)
	p.send(request1(2, "signed out"))
	p.want(2, "signed out")
	p.send(pdu(1, OpBindRequest, []byte("in")))
	p.want(1, "in")
	w.eventually("who is signed out counts", func() bool { return w.ofPeople() == 0 })
	w.signsIn(p, "three")
	_ = p.Conn.(*net.TCPConn).Close()
	w.eventually("who is gone counts", func() bool { return w.ofPeople() == 0 && len(w.people) == 0 })
}

// People's connections are lists whatever comes and goes, none longer than it may be.
func TestPeople(t *testing.T) {
	const most = 3
	r := rand.New(rand.NewPCG(1, 2))
	p, want := people{}, map[[16]byte][]*Conn{}
	all := make([]*Conn, 40)
	for i := range all {
		all[i] = &Conn{}
	}
	for now := range int64(5000) {
		c := all[r.IntN(len(all))]
		c.silent.Store(r.IntN(4) > 0)
		c.since.Store(now)
		before := c.counted
		c.person = [16]byte{byte(r.IntN(8))}
		there := slices.Contains(want[before], c)
		over := p.move(c, most)
		if there && before == c.person {
			if over != nil {
				t.Fatal("one that stays ends another")
			}
			continue
		}
		want[before] = slices.DeleteFunc(want[before], func(one *Conn) bool { return one == c })
		if c.person == [16]byte{} {
			continue
		}
		if list := want[c.person]; (len(list) == most) != (over != nil) || over != nil && !slices.Contains(list, over) {
			t.Fatalf("of %d one too many is %p", len(list), over)
		}
		for _, one := range want[c.person] {
			if over != nil && one.silent.Load() && (!over.silent.Load() || one.since.Load() < over.since.Load()) {
				t.Fatal("another one is idle for longer")
			}
		}
		want[c.person] = append(slices.DeleteFunc(want[c.person], func(one *Conn) bool { return one == over }), c)
		if q := p[c.person]; q.n != len(want[c.person]) || q.first != want[c.person][0] || q.last != c {
			t.Fatalf("%d are there, want %d", q.n, len(want[c.person]))
		}
	}
}

// What is written to the log while room is made holds up nobody: the lock is free then.
func TestLogOutsideOfTheLock(t *testing.T) {
	var w *world
	ready := make(chan bool)
	var lines atomic.Int64
	log := slog.New(slog.NewTextHandler(writer(func(b []byte) {
		<-ready
		free := make(chan bool)
		go func() {
			w.Server.mu.Lock()
			lines.Add(1)
			w.Server.mu.Unlock()
			close(free)
		}()
		select {
		case <-free:
		case <-time.After(10 * time.Second):
			t.Errorf("the lock is held while this is written: %s", b)
		}
	}), nil))
	w = startAs(t, Options{Limits: Limits{Connections: 2, PerPerson: 1}, Logger: log}, Listener{})
	close(ready)
	first := w.dial()
	w.eventually("it is not there", func() bool { return w.inLobby() == 1 })
	second := w.dial()
	if !second.answered(1) || !w.dial().answered(1) {
		t.Fatal("a newcomer is kept out")
	}
	first.wantEnd()
	w.signsIn(second, "pupil")
	third := w.dial()
	w.signsIn(third, "pupil")
	second.wantNotice(AdminLimitExceeded)
	third.send(pdu(1, OpBindRequest, []byte("in")))
	third.want(1, "in")
	fourth := w.dial()
	fourth.send(pdu(1, OpBindRequest, []byte("in")))
	fourth.want(1, "in")
	w.eventually("they are not signed in", func() bool { return w.inLobby() == 0 })
	w.dial().wantEnd()
	if n := lines.Load(); n != 3 { // crowded, per_person, connections
		t.Errorf("%d lines", n)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(bytes.TrimSpace(b))
	return len(b), nil
}

// A notice says what happened, and no more than once a minute.
func TestPersonInTheLog(t *testing.T) {
	var log bytes.Buffer
	w := startAs(t, Options{Limits: Limits{PerPerson: 1}, Logger: slog.New(slog.NewTextHandler(&log, nil))}, Listener{})
	first := w.dial()
	w.signsIn(first, "pupil")
	w.signsIn(w.dialFrom("127.0.0.2"), "pupil")
	first.wantNotice(AdminLimitExceeded)
	if got := log.String(); !strings.Contains(got, "why=per_person source=127.0.0.1") || strings.Contains(got, "pupil") {
		t.Error(got)
	}
}
