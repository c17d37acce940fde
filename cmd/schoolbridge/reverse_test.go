package main

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/radiustest"
	radiuswire "schoolbridge/radiussrv/wire"
)

// tunnelNAS is an access point at its end of a RadSec connection.
type tunnelNAS struct {
	t    *testing.T
	conn *tls.Conn
}

// read gives the next packet that comes.
func (n tunnelNAS) read() []byte {
	n.t.Helper()
	b := make([]byte, 4096)
	_, err := io.ReadFull(n.conn, b[:4])
	if err == nil {
		_, err = io.ReadFull(n.conn, b[4:binary.BigEndian.Uint16(b[2:4])])
	}
	if err != nil {
		n.t.Fatalf("nothing comes over RadSec: %v", err)
	}
	return b[:binary.BigEndian.Uint16(b[2:4])]
}

// says sends a request and gives the answer.
func (n tunnelNAS) says(r *radiuswire.Request) *radiuswire.Packet {
	n.t.Helper()
	b, err := r.Encode([]byte("radsec"))
	if err == nil {
		_, err = n.conn.Write(b)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	p, err := radiuswire.ParseReply(n.read(), b, []byte("radsec"))
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// acks answers a request that came with the code one above.
func (n tunnelNAS) acks(request []byte) {
	n.t.Helper()
	reply := append([]byte{request[0] + 1, request[1], 0, 20}, request[4:20]...)
	sum := md5.Sum(append(append([]byte(nil), reply...), "radsec"...))
	if _, err := n.conn.Write(append(reply[:4:4], sum[:]...)); err != nil {
		n.t.Fatal(err)
	}
}

// TestAccessPointIsAsked: our own access point (of the demo, of load) ends a session when
// it is asked to over its connection, and refuses one that it does not know.
func TestAccessPointIsAsked(t *testing.T) {
	s := newSite(t)
	authority := radiustest.NewAuthority(t)
	certificate, key := radiustest.PEM(t, authority.Issue(t, "bridge.school.example", false, nil))
	s.write("ca.pem", authority.PEM())
	s.write("cert.pem", certificate)
	s.write("key.pem", key)
	address := freeport.TCP(t)
	p := s.wifi(fmt.Sprintf("  radsec: [%q]\n  client_ca_file: ca.pem\ntls: {certificate_file: cert.pem, key_file: key.pem}\n", address))
	s.edit(fmt.Sprintf("dynamic_authorization: {port: %d}", p.port), "certificate: nas.school.example, dynamic_authorization: {radsec: true}")
	s.edit("log: {format: text}", staffRules)
	s.started(make(answered, 100))
	asked := make(chan string, 9)
	client := radiuswire.NewClient(address, radiuswire.ClientOptions{
		TLS:   &tls.Config{RootCAs: authority.Pool(), ServerName: "bridge.school.example", Certificates: []tls.Certificate{authority.Issue(t, "nas.school.example", false, nil)}},
		Wait:  time.Minute,
		Asked: func(q *radiuswire.Packet) bool { asked <- q.Text(radiuswire.AcctSessionID); return len(asked) > 1 },
	})
	t.Cleanup(client.Close)
	point := nas.Point{Calling: phone, Called: "02-10-A4-49-00-01:school"}
	result, err := point.PAP(t.Context(), client.Line(), "orlovami", "Snegir-2021")
	if err != nil {
		t.Fatal(err)
	}
	class, _ := result.Reply.First(radiuswire.Class)
	if _, err := point.Account(t.Context(), client.Line(), nas.Session{Name: "orlovami", ID: "t9", Class: class, Address: netip.MustParseAddr("10.49.0.9")}, nas.Start); err != nil {
		t.Fatal(err)
	}
	if list := s.sessions(exitDone, "--live"); len(list) != 1 || len(list[0].Addresses) != 1 || !strings.HasPrefix(list[0].Addresses[0], "10.49.0.9") {
		t.Errorf("%+v", list)
	}
	list := s.sessions(exitFindings, "disconnect", "--login", "orlovami", "--wait", "30s")
	if len(list) != 1 || list[0].Disconnect.State != "refused" || <-asked != "t9" {
		t.Fatalf("a NAK: %+v", list)
	}
	asked <- "" // and now it does
	list = s.sessions(exitDone, "disconnect", "--login", "orlovami", "--wait", "30s")
	if len(list) != 1 || list[0].Ending != "disconnected" {
		t.Errorf("an ACK: %+v", list)
	}
}

// TestDisconnectOverRadSec: a NAS that came by RadSec is changed and cut off over
// its own connection; while it has none the request waits.
func TestDisconnectOverRadSec(t *testing.T) {
	s := newSite(t)
	authority := radiustest.NewAuthority(t)
	certificate, key := radiustest.PEM(t, authority.Issue(t, "bridge.school.example", false, nil))
	s.write("ca.pem", authority.PEM())
	s.write("cert.pem", certificate)
	s.write("key.pem", key)
	address := freeport.TCP(t)
	p := s.wifi(fmt.Sprintf("  radsec: [%q]\n  client_ca_file: ca.pem\ntls: {certificate_file: cert.pem, key_file: key.pem}\n", address))
	s.edit(fmt.Sprintf("dynamic_authorization: {port: %d}", p.port), "certificate: nas.school.example, dynamic_authorization: {radsec: true}")
	s.edit("log: {format: text}", staffRules)
	log := make(answered, 100)
	d := s.started(log)
	own := authority.Issue(t, "nas.school.example", false, nil)
	dial := func() tunnelNAS {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authority.Pool(), ServerName: "bridge.school.example", Certificates: []tls.Certificate{own}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
		return tunnelNAS{t, conn}
	}
	n := dial()
	signIn := &radiuswire.Request{Code: radiuswire.AccessRequest, ID: 1, Authenticator: [16]byte{5}}
	signIn.AddText(radiuswire.UserName, "orlovami")
	if err := signIn.AddPassword([]byte("Snegir-2021"), []byte("radsec")); err != nil {
		t.Fatal(err)
	}
	class, ok := n.says(signIn).First(radiuswire.Class)
	if !ok {
		t.Fatal("not admitted")
	}
	start := &radiuswire.Request{Code: radiuswire.AccountingRequest, ID: 2}
	start.AddUint32(radiuswire.AcctStatusType, 1)
	start.AddText(radiuswire.AcctSessionID, "t1")
	start.AddText(radiuswire.CallingStationID, phone)
	start.Add(radiuswire.Class, class)
	n.says(start)

	s.edit("vlan: 20", "vlan: 30")
	d.reload()
	request := n.read()
	if q, err := radiuswire.Parse(request); err != nil || q.Code != radiuswire.CoARequest || q.Text(radiuswire.TunnelPrivateGroupID) != "30" || q.Text(radiuswire.AcctSessionID) != "t1" {
		t.Fatalf("%+v, %v", q, err)
	}
	n.acks(request)
	<-log
	if list := s.sessions(exitDone, "--live"); len(list) != 1 || list[0].Disconnect == nil || list[0].Disconnect.State != "changed" {
		t.Fatalf("%+v", list)
	}

	_ = n.conn.Close()
	list := s.sessions(exitFindings, "disconnect", "--login", "orlovami", "--wait", "2s")
	if len(list) != 1 || list[0].Disconnect.State != "waiting" || list[0].Disconnect.Tries != 0 {
		t.Fatalf("without a connection: %+v", list[0].Disconnect)
	}
	n = dial()
	n.acks(n.read())
	<-log
	if list := s.sessions(exitDone, "--device", phone); list[0].Ending != "disconnected" || list[0].Disconnect.Tries != 1 {
		t.Errorf("%+v %+v", list[0], list[0].Disconnect)
	}
}
