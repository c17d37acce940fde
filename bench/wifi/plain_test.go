//go:build linux

package wifi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

// plain is n questions of one round each, in a closed loop: from every socket
// so many are under way, and the next one goes out when an answer has come in.
// Questions are made before the measurement and answers checked after it, so
// that the load is not the limit.
type plain struct {
	to      func(*server) string
	ask     func(s *server, i int) question
	n       int
	sockets int // each with window questions under way, at most 256
	window  int
}

// question is a request as sent, and what its answer is checked with.
type question struct {
	bytes []byte
	login string
	peer  [16]byte // MS-CHAPv2: the peer's challenge
}

// run measures; the error is of the first answer that is missing or wrong.
func (p plain) run(t testing.TB, s *server) (stand.Figure, error) {
	_, f, err := p.answers(t, s)
	return f, err
}

// answers is run with all answers, checked.
func (p plain) answers(t testing.TB, s *server) ([]*wire.Packet, stand.Figure, error) {
	t.Helper()
	questions := p.questions(s)
	var replies [][]byte
	var repeats uint64
	f, err := s.Measure(t, p.n, func() (err error) {
		replies, repeats, err = exchange(p.to(s), questions, p.sockets, p.window)
		return err
	})
	if err != nil {
		return nil, stand.Figure{}, err
	}
	f.Repeats = repeats
	packets, err := checked(questions, replies)
	return packets, f, err
}

// questions makes them all.
func (p plain) questions(s *server) []question {
	s.run++
	questions := make([]question, p.n)
	for i := range questions {
		questions[i] = p.ask(s, i)
	}
	return questions
}

// checked holds all replies against their questions.
func checked(questions []question, replies [][]byte) ([]*wire.Packet, error) {
	packets := make([]*wire.Packet, len(replies))
	for i, reply := range replies {
		var err error
		if packets[i], err = check(questions[i], reply); err != nil {
			return nil, fmt.Errorf("answer %d of %d: %w", i, len(replies), err)
		}
	}
	return packets, nil
}

// exchange asks everything, each socket an equal part, and gives the replies and
// how many requests were sent again.
func exchange(address string, questions []question, sockets, window int) (replies [][]byte, repeats uint64, err error) {
	replies = make([][]byte, len(questions))
	faults := make([]error, sockets)
	loops := make([]loop, sockets)
	var all sync.WaitGroup
	for k := range sockets {
		from, to := k*len(questions)/sockets, (k+1)*len(questions)/sockets
		all.Go(func() {
			loops[k] = loop{questions: questions[from:to], replies: replies[from:to]}
			faults[k] = loops[k].run(address, window)
		})
	}
	all.Wait()
	for k := range loops {
		repeats += loops[k].repeats
	}
	return replies, repeats, errors.Join(faults...)
}

// loop is one socket's part.
type loop struct {
	conn      net.Conn
	questions []question
	replies   [][]byte
	next      int
	waiting   [256]int // number of the question that has an identifier, counted from 1
	underWay  int
	repeats   uint64
}

// wait is how long an answer may take before its request is sent again, and
// tries how often it is sent.
const (
	wait  = 5 * time.Second
	tries = 3
)

func (l *loop) run(address string, window int) error {
	var err error
	if l.conn, err = net.Dial("udp", address); err != nil {
		return err
	}
	defer l.conn.Close()
	_ = l.conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	silent := 0
	var reply [4096]byte
	for l.next < len(l.questions) || l.underWay > 0 {
		if err := l.fill(window); err != nil {
			return err
		}
		if l.next%64 == 0 {
			_ = l.conn.SetReadDeadline(time.Now().Add(wait))
		}
		n, err := l.conn.Read(reply[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if silent++; silent == tries {
				return fmt.Errorf("%d of %d requests have no answer after %d tries", l.underWay+len(l.questions)-l.next, len(l.questions), tries)
			}
			if err := l.again(); err != nil {
				return err
			}
			_ = l.conn.SetReadDeadline(time.Now().Add(wait))
			continue
		}
		if err != nil {
			return err
		}
		if silent = 0; n > 1 && l.waiting[reply[1]] > 0 {
			l.replies[l.waiting[reply[1]]-1] = append([]byte(nil), reply[:n]...)
			l.waiting[reply[1]] = 0
			l.underWay--
		}
	}
	return nil
}

// fill sends what may be under way. One whose identifier has still no answer
// holds the others back.
func (l *loop) fill(window int) error {
	for ; l.next < len(l.questions) && l.underWay < window; l.next++ {
		q := l.questions[l.next].bytes
		if l.waiting[q[1]] > 0 {
			return nil
		}
		if _, err := l.conn.Write(q); err != nil {
			return err
		}
		l.waiting[q[1]] = l.next + 1
		l.underWay++
	}
	return nil
}

// again sends what has no answer.
func (l *loop) again() error {
	for _, i := range l.waiting {
		if i > 0 {
			l.repeats++
			if _, err := l.conn.Write(l.questions[i-1].bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// check holds a reply against its question: authentic, accepted, and for
// MS-CHAPv2 with the server's proof and both keys (RFC 2548 sections 2.3.3 and
// 2.4). FreeRADIUS 3.2.1 leaves out Message-Authenticator where there is no EAP.
func check(q question, reply []byte) (*wire.Packet, error) {
	if reply == nil {
		return nil, errors.New("it did not come")
	}
	p, err := wire.ParseReply(reply, q.bytes, []byte(secret))
	if errors.Is(err, wire.ErrUnsigned) { // its Response Authenticator is right
		p, err = wire.Parse(reply)
	}
	switch {
	case err != nil:
		return nil, err
	case p.Code == wire.AccountingResponse, p.Code == wire.AccessAccept && q.peer == [16]byte{}:
		return p, nil
	case p.Code != wire.AccessAccept:
		return nil, fmt.Errorf("it has code %d", p.Code)
	}
	ours := [16]byte(q.bytes[4:20])
	challenge := mschap.Challenge(q.peer, ours, q.login)
	response := mschap.Response(nt, challenge)
	proven := false
	for kind, v := range p.Vendor(wire.Microsoft) {
		if kind == wire.MSCHAP2Success && len(v) > 1 {
			got, ok := mschap.ParseSuccess(string(v[1:]))
			proven = ok && mschap.CheckAuthenticator(nt, challenge, response, got)
		}
	}
	send, recv := mschap.Keys(nt, response)
	gotSend, gotRecv, ok := p.MPPEKeys(ours, []byte(secret))
	if !proven || !ok || string(gotSend) != string(send[:]) || string(gotRecv) != string(recv[:]) {
		return nil, errors.New("its proof or a key is wrong")
	}
	return p, nil
}
