// Package probe signs in once, over RADIUS as an access point and a device do or
// over LDAP as a PC or a board does, and tells a person or a monitor what
// happened: each round with its time, what TLS agreed on, the certificate and its
// end, what was granted, and where it failed the reason with its remedy, in
// Russian and English.
//
// It works against any server. What the server sent is shown with everything
// unprintable escaped; keys and passwords are never shown.
//
// Start reading at Probe.Run and LDAP.Run.
package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/wire"
)

// Methods that carry no EAP.
const (
	PAP        = "pap"
	MSCHAPv2   = "mschapv2"
	Accounting = "accounting" // a session's start and stop
	Status     = "status"     // Status-Server (RFC 5997)
)

// Probe is one question. Method is one of the names above, or "eap": then EAP
// says more.
type Probe struct {
	Server   string // host:port
	Client   wire.ClientOptions
	Point    nas.Point
	Method   string
	Login    string
	Password identity.Password
	EAP      eappeer.Options // its login and password too
	Resume   bool            // sign in twice and tell of the second
	Now      func() time.Time
}

// EAPMethod is Probe.Method for all that EAP carries.
const EAPMethod = "eap"

// Run asks and judges. It fails only where the question cannot be put.
func (p *Probe) Run(ctx context.Context) (*Report, error) {
	c := wire.NewClient(p.Server, p.Client)
	defer c.Close()
	line := c.Line()
	now := p.Now
	if now == nil {
		now = time.Now
	}
	report := &Report{Server: p.Server, Method: p.Method}
	var result *nas.Result
	var err error
	switch p.Method {
	case PAP:
		result, err = p.Point.PAP(ctx, line, p.Login, p.Password)
	case MSCHAPv2:
		result, err = p.Point.MSCHAPv2(ctx, line, p.Login, p.Password)
	case Accounting:
		result, err = p.account(ctx, line, now())
	case Status:
		result, err = p.Point.Status(ctx, line)
	case EAPMethod:
		return report, p.eap(ctx, line, report, now())
	default:
		return nil, fmt.Errorf("there is no method %q", p.Method)
	}
	report.add(result, err)
	return report, nil
}

// account starts and stops a session.
func (p *Probe) account(ctx context.Context, line *wire.Line, now time.Time) (*nas.Result, error) {
	s := nas.Session{Name: p.Login, ID: fmt.Sprintf("probe-%x", now.UnixNano())}
	first, err := p.Point.Account(ctx, line, s, nas.Start)
	if err != nil {
		return first, err
	}
	s.Time = time.Second
	second, err := p.Point.Account(ctx, line, s, nas.Stop)
	second.Rounds = append(first.Rounds, second.Rounds...)
	return second, err
}

func (p *Probe) eap(ctx context.Context, line *wire.Line, report *Report, now time.Time) error {
	o := p.EAP
	report.Method = o.Method.String()
	times := 1
	if p.Resume {
		times, o.Sessions = 2, tls.NewLRUClientSessionCache(1)
	}
	var vlan string // of the sign-in before
	for i := range times {
		device, err := eappeer.New(o)
		if err != nil {
			return err
		}
		outer := o.Anonymous
		if outer == "" {
			outer = o.Identity
		}
		result, err := p.Point.EAP(ctx, line, device, outer)
		device.Close()
		if err == nil && i+1 < times {
			_, vlan = attributes(result.Reply)
			continue
		}
		report.add(result, err)
		report.tls(device.Info(), now)
		report.Unverified = o.Roots == nil
		if report.Outcome == Accepted && p.Resume {
			if !device.Info().Resumed {
				report.warn(WarnNotResumed)
			}
			if vlan != report.VLAN {
				report.warn(WarnVLAN)
			}
		}
		return nil
	}
	return nil
}
