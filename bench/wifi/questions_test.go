//go:build linux

package wifi

import (
	"crypto/rand"
	"fmt"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

// The plain methods, n questions each.
func pap(n int) plain {
	return plain{to: func(s *server) string { return s.pap }, ask: papQuestion, n: n, sockets: 1, window: 64}
}

func mschapv2(n int) plain {
	return plain{to: func(s *server) string { return s.mschap }, ask: mschapQuestion, n: n, sockets: 1, window: 64}
}

// Accounting comes from more than one: a journal on a disk answers when it has
// written, and writes many at a time. Much more would not fit into FreeRADIUS'
// socket.
func accounting(n int) plain {
	return plain{to: func(s *server) string { return s.acct }, ask: record, n: n, sockets: 2, window: 64}
}

func keptAccounting(n int) plain {
	return plain{to: func(s *server) string { return s.kept }, ask: record, n: n, sockets: 2, window: 64}
}

func searchableAccounting(n int) plain {
	return plain{to: func(s *server) string { return s.table }, ask: record, n: n, sockets: 2, window: 64}
}

func papQuestion(s *server, i int) question {
	r, q := access(s, i)
	sure(r.AddPassword([]byte(stand.Password), []byte(secret)))
	q.bytes = encode(station(r))
	return q
}

var nt = mschap.NTHash(stand.Password)

func mschapQuestion(s *server, i int) question {
	r, q := access(s, i)
	_, _ = rand.Read(q.peer[:])
	response := mschap.Response(nt, mschap.Challenge(q.peer, r.Authenticator, q.login))
	value := append(append(append([]byte{1, 0}, q.peer[:]...), make([]byte, 8)...), response[:]...)
	r.AddVendor(wire.Microsoft, wire.MSCHAPChallenge, r.Authenticator[:])
	r.AddVendor(wire.Microsoft, wire.MSCHAP2Response, value)
	q.bytes = encode(station(r))
	return q
}

func access(s *server, i int) (*wire.Request, question) {
	r := &wire.Request{Code: wire.AccessRequest, ID: byte(i)}
	_, _ = rand.Read(r.Authenticator[:])
	q := question{login: stand.Login(i % s.people)}
	r.AddText(wire.UserName, q.login)
	return r, q
}

// station adds what an access point says of itself and of the device.
func station(r *wire.Request) *wire.Request {
	r.AddText(wire.CallingStationID, "02-00-00-00-00-01")
	r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
	r.Add(wire.NASIPAddress, []byte{127, 0, 0, 1})
	return r
}

// record is of sessions that begin, go on three times and end: a thousand
// begin, a thousand go on, and so on. They say whose they are, as access points
// do, by the Class that came with the sign-in.
func record(s *server, i int) question {
	const steps, side = 5, 1000
	session, step := i/(steps*side)*side+i%side, i/side%steps
	who := session % s.people
	r := &wire.Request{Code: wire.AccountingRequest, ID: byte(i)}
	r.AddUint32(wire.AcctStatusType, []uint32{1, 3, 3, 3, 2}[step])
	r.AddText(wire.AcctSessionID, fmt.Sprintf("%04X-%08X", s.run, session))
	r.AddText(wire.NASIdentifier, fmt.Sprintf("ap-%d", session%100))
	r.AddText(wire.UserName, stand.Login(who))
	if s.classes[who] != nil {
		r.Add(wire.Class, s.classes[who])
	}
	r.AddUint32(wire.AcctSessionTime, uint32(600*step))
	r.AddUint32(wire.AcctInputOctets, uint32(100000*step))
	if step > 0 {
		r.Add(wire.FramedIPAddress, []byte{10, byte(session >> 16), byte(session >> 8), byte(session)})
	}
	r.AddText(wire.CallingStationID, fmt.Sprintf("02-00-00-%02X-%02X-%02X", session>>16&0xff, session>>8&0xff, session&0xff))
	r.AddText(wire.CalledStationID, "02-10-A4-23-19-C0:School")
	return question{bytes: encode(r)}
}

func encode(r *wire.Request) []byte {
	b, err := r.Encode([]byte(secret))
	sure(err)
	return b
}

// sure is for what fails only if this package is wrong.
func sure(err error) {
	if err != nil {
		panic(err)
	}
}
