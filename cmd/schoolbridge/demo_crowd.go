package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/sample"
	radiuswire "schoolbridge/radiussrv/wire"
)

// What goes on in school 49 while the demo runs: so many devices are on its Wi-Fi,
// at two access points, every demoTurn one goes and another comes, and one is refused.
const (
	demoStays = 8
	demoTurn  = 40 * time.Second
)

var demoPoints = []nas.Point{
	{Identifier: "ap-entrance", Called: "02-10-A4-49-00-01:school-demo"},
	{Identifier: "ap-library", Called: "02-10-A4-49-00-02:school-demo"},
}

// crowd is a simulated controller with access points. It speaks RadSec as client
// school-49, signs people of the demo in as their phones do, tells their sessions, and
// ends one when it is asked to.
//
//	come ─► EAP-TTLS ─┬─ accepted ─► Start ─► Interim each turn ─┬─ go ──────────────► Stop
//	                  └─ refused: that is shown too              └─ Disconnect-Request ► Stop
type crowd struct {
	demo    *demo
	client  *radiuswire.Client
	roots   *x509.CertPool
	people  []sample.Person
	next    int // of people
	came    int // sessions in all
	turns   int
	refused int // the last way of being refused

	mu    sync.Mutex
	stays []*stay // the oldest first
}

// stay is one device on the Wi-Fi.
type stay struct {
	nas.Session
	point nas.Point
	began time.Time
}

// crowd lets people come and go until ctx ends, and then all of them go. What fails is
// tried at the next turn: the switches of mos.ru and whoever edits the configuration may be
// the reason.
func (d *demo) crowd(ctx context.Context) {
	if d.letter != nil {
		_ = d.letter.send(ctx)
	}
	c := &crowd{demo: d}
	for _, p := range d.people.People {
		if p.Activate && p.ActivateOn.IsZero() && !named(p.Profile.Login) {
			c.people = append(c.people, p)
		}
	}
	// A third never comes by himself: whoever tries the demo finds people who have not
	// signed in since they activated.
	c.people = c.people[len(c.people)/3:]
	if err := c.connect(); err != nil || len(c.people) < 2 {
		return
	}
	defer c.client.Close()
	for i := range demoPoints {
		_, _ = demoPoints[i].Account(ctx, c.client.Line(), nas.Session{}, nas.On)
	}
	ticker := time.NewTicker(demoTurn)
	defer ticker.Stop()
	for range demoStays {
		c.come(ctx)
	}
	for range demoRefusals + 1 { // the phone with the old password has it from the first time on
		c.refuse(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			c.leave(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
			c.turn(ctx)
		}
	}
}

// connect reads what the controller needs for RadSec.
func (c *crowd) connect() error {
	f := c.demo.folder
	pair, err := tls.LoadX509KeyPair(f.path("tls", "radsec.pem"), f.path("tls", "radsec-key.pem"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(f.path("ca.pem"))
	if err != nil {
		return err
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(authority) {
		return errors.New("ca.pem holds no certificate")
	}
	c.client = radiuswire.NewClient("127.0.0.1:2083", radiuswire.ClientOptions{
		TLS:  &tls.Config{RootCAs: c.roots, ServerName: demoServer, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Wait: 5 * time.Second, Asked: c.disconnect,
	})
	return nil
}

// disconnect takes a Disconnect-Request for a session that is on; nothing is changed
// while one lasts.
func (c *crowd) disconnect(p *radiuswire.Packet) bool {
	if p.Code != radiuswire.DisconnectRequest {
		return false
	}
	id := p.Text(radiuswire.AcctSessionID)
	if !slices.ContainsFunc(c.all(), func(s *stay) bool { return s.ID == id }) {
		return false
	}
	go c.end(context.Background(), id) // whoever asks waits for our answer, not for this
	return true
}

// phone signs in as a phone does it.
func (c *crowd) phone(ctx context.Context, point nas.Point, login string, password identity.Password) ([]byte, error) {
	peer, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: login, Password: password, Roots: c.roots, ServerName: demoServer})
	if err != nil {
		return nil, err
	}
	defer peer.Close()
	result, err := point.EAP(ctx, c.client.Line(), peer, login)
	if err != nil {
		return nil, err
	}
	class, _ := result.Reply.First(radiuswire.Class)
	return class, nil
}

// demoPhone is the hardware address of the n-th person's phone.
func demoPhone(n int) string { return fmt.Sprintf("02-00-5E-49-00-%02X", n) }

// come brings the next person who gets in; those who do not are refused where everybody
// can see it, as the pupils of other schools are.
func (c *crowd) come(ctx context.Context) {
	for range c.people[1:] { // the last one has a phone with an old password
		n := c.next
		c.next = (c.next + 1) % (len(c.people) - 1)
		who := c.people[n]
		if c.on(who.Profile.Login) || ctx.Err() != nil {
			continue
		}
		point := demoPoints[n%len(demoPoints)]
		point.Calling = demoPhone(n)
		class, err := c.phone(ctx, point, who.Profile.Login, identity.Password(who.Password))
		if err != nil {
			continue
		}
		c.came++
		s := &stay{nas.Session{Name: who.Profile.Login, ID: fmt.Sprintf("%x-%d", c.demo.now.Unix(), c.came), Class: class,
			Address: netip.AddrFrom4([4]byte{10, 49, 0, byte(10 + n)})}, point, time.Now()}
		if _, err := point.Account(ctx, c.client.Line(), s.Session, nas.Start); err != nil {
			continue
		}
		c.mu.Lock()
		c.stays = append(c.stays, s)
		c.mu.Unlock()
		return
	}
}

func (c *crowd) on(login string) bool {
	return slices.ContainsFunc(c.all(), func(s *stay) bool { return s.Name == login })
}

// all are the devices that are on, the oldest first.
func (c *crowd) all() []*stay {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.stays)
}

// turn is one round of the demo's life.
func (c *crowd) turn(ctx context.Context) {
	all := c.all()
	for _, s := range all {
		s.Time = time.Since(s.began)
		_, _ = s.point.Account(ctx, c.client.Line(), s.Session, nas.Interim)
	}
	if c.turns++; c.turns%3 == 0 && len(all) > demoStays/2 {
		c.end(ctx, all[0].ID)
	}
	if len(all) < demoStays || c.turns%3 == 0 {
		c.come(ctx)
	}
	c.refuse(ctx)
}

// end takes a device off and tells so.
func (c *crowd) end(ctx context.Context, id string) {
	c.mu.Lock()
	i := slices.IndexFunc(c.stays, func(s *stay) bool { return s.ID == id })
	if i < 0 {
		c.mu.Unlock()
		return
	}
	gone := c.stays[i]
	c.stays = slices.Delete(c.stays, i, i+1)
	c.mu.Unlock()
	last := gone.Session
	last.Time = time.Since(gone.began)
	_, _ = gone.point.Account(ctx, c.client.Line(), last, nas.Stop)
}

// leave ends all sessions, soon.
func (c *crowd) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, s := range c.all() {
		c.end(ctx, s.ID)
	}
}

// demoRefusals is how many ways of being refused there are.
const demoRefusals = 3

// refuse is one attempt that does not succeed, each time another: a phone with the
// password of before, a device that is on no list, a name that nobody has.
func (c *crowd) refuse(ctx context.Context) {
	point := demoPoints[c.turns%len(demoPoints)]
	switch c.refused = (c.refused + 1) % demoRefusals; c.refused {
	case 0:
		point.Calling = "02-00-5E-49-01-01"
		_, _ = point.PAP(ctx, c.client.Line(), "02005e490101", "02005e490101")
	case 1:
		who := c.people[len(c.people)-1]
		point.Calling = demoPhone(len(c.people) - 1)
		old := identity.Password(who.Password)
		if _, err := c.phone(ctx, point, who.Profile.Login, old); err == nil { // the day on which it was changed
			_ = c.demo.mosru.SetPassword(who.Profile.Login, old+"-new", sim.DeliverNow, 0)
		} else { // a phone asks again at once
			_, _ = c.phone(ctx, point, who.Profile.Login, old)
		}
	default:
		point.Calling = "02-00-5E-49-01-02"
		_, _ = c.phone(ctx, point, "gost", "Gost-2021")
	}
}
