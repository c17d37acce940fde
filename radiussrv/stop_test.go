package radiussrv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/wire"
)

// A device in the middle of its conversation ends it while the server stops, one that
// comes then is left to another server, and one that has gone keeps nobody waiting.
func TestStopAmidConversations(t *testing.T) {
	pki := eaptest.NewPKI(t)
	certificates := []tls.Certificate{pki.Server(t, false)}
	judge := eaptest.NewSchool()
	talks, err := eap.New(eap.Options{Auth: judge, Whose: judge.Whose, Certificates: func() []tls.Certificate { return certificates }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(talks.Close)
	s := newServer(t, Options{Auth: judge, EAP: talks})
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeAuthentication(conn) }()
	client := wire.NewClient(conn.LocalAddr().String(), wire.ClientOptions{Secret: []byte(testSecret), Wait: time.Second, Tries: 1})
	t.Cleanup(client.Close)
	roots := x509.NewCertPool()
	roots.AddCert(pki.Authority)
	converse := func(mac string) *nas.Conversation {
		t.Helper()
		device, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: eaptest.Teacher, Password: eaptest.TeacherPassword, Roots: roots, ServerName: eaptest.ServerName})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(device.Close)
		point := nas.Point{Identifier: "ap", Called: "02-00-00-00-00-00:school", Calling: mac}
		return point.Converse(client.Line(), device, eaptest.Teacher)
	}
	gone, amid := converse("02-00-00-00-00-01"), converse("02-00-00-00-00-02")
	for _, c := range []*nas.Conversation{gone, amid} {
		for range 2 {
			if done, err := c.Step(t.Context()); done || err != nil {
				t.Fatalf("done %v, %v", done, err)
			}
		}
	}
	time.Sleep(goneAfter)
	if done, err := amid.Step(t.Context()); done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}

	begun, stopped := time.Now(), make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	for !s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	late := make(chan error, 1)
	newcomer := converse("02-00-00-00-00-03")
	go func() { _, err := newcomer.Step(context.Background()); late <- err }()
	for done := false; !done; {
		time.Sleep(20 * time.Millisecond)
		if done, err = amid.Step(t.Context()); err != nil {
			t.Fatalf("a device in the middle of its conversation: %v", err)
		}
	}
	if !amid.Result.Accepted {
		t.Error("it is not let in")
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took >= finishWithin {
		t.Errorf("the stop took %v: it waits for a device that has gone", took)
	}
	if err := <-served; !errors.Is(err, wire.ErrStopped) {
		t.Error(err)
	}
	if err := <-late; !errors.Is(err, wire.ErrNoAnswer) && !errors.Is(err, wire.ErrRefused) {
		t.Errorf("a conversation that begins meanwhile: %v", err)
	}
	if n := counted(t, s.metrics.results[resultStopping]); n != 1 {
		t.Errorf("%v conversations were left to others", n)
	}
}
