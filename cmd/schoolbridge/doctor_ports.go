package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/doctor"
	"schoolbridge/internal/dua"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/telemetry"
	radiuswire "schoolbridge/radiussrv/wire"
)

// localWait bounds one question to a port of this machine.
const localWait = 3 * time.Second

// toHere is how to reach a listening address from this machine.
func toHere(a config.Address) string {
	host, port, err := net.SplitHostPort(string(a))
	if err != nil {
		return string(a)
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "" || err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// unverified talks to a port of this machine, whose certificate is judged by its
// file: the name in it is not the address that is called here.
func unverified() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// readiness is what /readyz says.
type readiness struct {
	Ready  bool               `json:"ready"`
	Checks []telemetry.Result `json:"checks"`
}

// askReady asks the daemon of this machine for its health; an error: nobody answers.
func askReady(ctx context.Context, c *config.Config) (r readiness, err error) {
	ctx, cancel := context.WithTimeout(ctx, localWait)
	defer cancel()
	scheme := "http://"
	if !c.Web.Listen.Loopback() {
		scheme = "https://"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+toHere(c.Web.Listen)+"/readyz", nil)
	if err != nil {
		return r, err
	}
	transport := &http.Transport{TLSClientConfig: unverified(), DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return r, err
	}
	defer func() { _ = answer.Body.Close() }()
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&r)
	return r, err
}

// daemon tells how the daemon is, in its own words.
func (x *examination) daemon(ctx context.Context) (list []doctor.Finding, up bool) {
	where := toHere(x.config.Web.Listen)
	r, err := askReady(ctx, x.config)
	if errors.Is(err, context.DeadlineExceeded) { // its port is open, as that of a stopped process is
		x.hangs = true
		return []doctor.Finding{finding(doctor.CheckDaemon, doctor.Bad, doctor.DaemonHangs, where, "")}, false
	}
	if err != nil {
		return []doctor.Finding{finding(doctor.CheckDaemon, doctor.Bad, doctor.DaemonDown, where, "")}, false
	}
	for _, c := range r.Checks {
		switch {
		case c.OK, c.Name == "certificates": // of which another check knows more
		case c.Name == "events":
			list = append(list, finding(doctor.CheckDaemon, doctor.Warn, doctor.EventsSilent, "mosru.events", ""))
		case c.Needed:
			list = append(list, finding(doctor.CheckDaemon, doctor.Bad, doctor.DaemonNotReady, c.Name, c.Reason))
		default:
			list = append(list, finding(doctor.CheckDaemon, doctor.Warn, doctor.DaemonComplains, c.Name, c.Reason))
		}
	}
	switch {
	case !r.Ready && len(r.Checks) == 0: // it tells the reason to web.monitors only
		list = append(list, finding(doctor.CheckDaemon, doctor.Bad, doctor.DaemonNotReady, where, ""))
	case len(list) == 0:
		list = append(list, finding(doctor.CheckDaemon, doctor.OK, doctor.DaemonFine, where, ""))
	}
	return list, true
}

// port is one that the daemon listens on.
type port struct {
	what, network string
	address       config.Address
	ask           func(ctx context.Context, address string) error // nil: it cannot be asked
}

// errNotAsked says that there is nobody in whose name to ask.
var errNotAsked = errors.New("not asked")

func (x *examination) listening() (list []port) {
	c := x.config
	for _, l := range c.LDAP.All() {
		ask := rootDSE(nil)
		if l.TLS {
			ask = rootDSE(unverified())
		}
		list = append(list, port{"LDAP", "tcp", l.Address, ask})
	}
	for _, a := range c.RADIUS.Authentication {
		list = append(list, port{"RADIUS", "udp", a, x.statusServer})
	}
	for _, a := range c.RADIUS.Accounting {
		list = append(list, port{"RADIUS accounting", "udp", a, x.statusServer})
	}
	for _, a := range c.RADIUS.RadSec {
		list = append(list, port{"RadSec", "tcp", a, connects})
	}
	return list
}

// ports asks those that the daemon listens on, or looks whether they are free for
// it. One that hangs holds them itself.
func (x *examination) ports(ctx context.Context) []doctor.Finding {
	if x.hangs {
		return nil
	}
	all := x.listening()
	list := make([]doctor.Finding, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, localWait)
			defer cancel()
			list[i] = x.port(ctx, p)
		})
	}
	wg.Wait()
	return list
}

func (x *examination) port(ctx context.Context, p port) doctor.Finding {
	where := p.what + " " + string(p.address) + "/" + p.network
	if !x.up {
		switch err := opened(ctx, p); {
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return finding(doctor.CheckPorts, doctor.Bad, doctor.PortElsewhere, where, "")
		case occupied(ctx, p, err):
			return finding(doctor.CheckPorts, doctor.Bad, doctor.PortTaken, where, "")
		}
		return finding(doctor.CheckPorts, doctor.OK, doctor.PortFree, where, "")
	}
	err := p.ask(ctx, toHere(p.address))
	switch {
	case err == nil:
		return finding(doctor.CheckPorts, doctor.OK, doctor.PortFine, where, "")
	case errors.Is(err, errNotAsked) && occupied(ctx, p, opened(ctx, p)):
		return finding(doctor.CheckPorts, doctor.OK, doctor.PortHeld, where, "")
	}
	return finding(doctor.CheckPorts, doctor.Bad, doctor.PortSilent, where, "")
}

// opened opens a port for a moment, and says why it cannot be.
func opened(ctx context.Context, p port) error {
	var err error
	var l io.Closer
	if p.network == "udp" {
		l, err = new(net.ListenConfig).ListenPacket(ctx, "udp", string(p.address))
	} else {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", string(p.address))
	}
	if err == nil {
		_ = l.Close()
	}
	return err
}

// occupied says that somebody listens on a port that could not be opened. Who may not open a
// low one, as an operator who is not the daemon, is refused before it is looked whether
// it is free: whoever answers there holds it.
func occupied(ctx context.Context, p port, err error) bool {
	if errors.Is(err, syscall.EACCES) && p.network == "tcp" {
		return connects(ctx, toHere(p.address)) == nil
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// statusServer asks as an access point on this machine would (RFC 5997).
func (x *examination) statusServer(ctx context.Context, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	secret := localClient(x.config, to.Addr()) // to its own address a machine speaks from it
	if secret == nil {
		return errNotAsked
	}
	p := probe.Probe{Server: address, Client: radiuswire.ClientOptions{Secret: secret, Wait: time.Second, Tries: 2}, Point: nas.Point{Identifier: "doctor"}, Method: probe.Status}
	report, err := p.Run(ctx)
	if err == nil && report.Outcome != probe.Accepted {
		err = errors.New(string(report.Problem))
	}
	return err
}

// rootDSE asks for what a directory says of itself to anybody (RFC 4512 section
// 5.1).
func rootDSE(over *tls.Config) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error {
		raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer func() { _ = raw.Close() }()
		if deadline, ok := ctx.Deadline(); ok {
			_ = raw.SetDeadline(deadline)
		}
		conn := raw
		if over != nil {
			secure := tls.Client(raw, over)
			if err := secure.HandshakeContext(ctx); err != nil {
				return err
			}
			conn = secure
		}
		return dua.New(conn, 4<<10).Ask(dua.Search(nil, dua.Query{Alone: true, Filter: dua.Present("objectClass"), Wanted: []string{"namingContexts"}}))
	}
}

// connects: RadSec shows nothing to who has no certificate.
func connects(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
