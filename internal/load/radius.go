package load

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"math"
	"sync"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/said"
	"schoolbridge/radiussrv/wire"
)

// RADIUS is sign-ins over Wi-Fi. Make it with NewRADIUS.
type RADIUS struct {
	opts    RADIUSOptions
	client  *wire.Client
	devices []device
	run     string // tells the sessions of this load from those of the last one
}

// RADIUSOptions say what a sign-in is.
type RADIUSOptions struct {
	Server string // host:port
	Client wire.ClientOptions
	Point  nas.Point
	Method string          // one of probe's; accounting is a session's start, interim and stop
	EAP    eappeer.Options // for probe.EAPMethod; login and password are the users'
	Users  []User          // in turn
	Device uint64          // the number of the first user's device; each user has the next
	Resume float64         // the share of sign-ins that come back with a ticket, 0 to 1
	// Sessions makes what keeps a device's ticket; nil: a cache of one.
	Sessions func() tls.ClientSessionCache
}

// maxDevices bounds how many tickets are kept, a few kilobytes each.
const maxDevices = 4096

// device keeps the ticket of one that comes back. One sign-in at a time: a
// second one beside it has none.
type device struct {
	mu       sync.Mutex
	sessions tls.ClientSessionCache
}

// NewRADIUS checks the options.
func NewRADIUS(o RADIUSOptions) (*RADIUS, error) {
	switch {
	case len(o.Users) == 0:
		return nil, said.New("входить некому / there is nobody to sign in")
	case !(o.Resume >= 0 && o.Resume <= 1) || o.Resume > 0 && o.Method != probe.EAPMethod:
		return nil, said.New("доля возвращающихся — от 0 до 1, и только для EAP / the share of those who come back is from 0 to 1, and for EAP only")
	}
	switch o.Method {
	case probe.PAP, probe.MSCHAPv2, probe.Accounting:
	case probe.EAPMethod:
		trial := o.EAP
		trial.Identity = o.Users[0].Login
		p, err := eappeer.New(trial)
		if err != nil {
			return nil, err
		}
		p.Close()
	default:
		return nil, fmt.Errorf("there is no load of %q", o.Method)
	}
	if o.Sessions == nil {
		o.Sessions = func() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(1) }
	}
	r := &RADIUS{opts: o, client: wire.NewClient(o.Server, o.Client), run: rand.Text()[:8]}
	if o.Resume > 0 {
		r.devices = make([]device, min(len(o.Users), maxDevices))
	}
	return r, nil
}

// Close closes the sockets.
func (r *RADIUS) Close() { r.client.Close() }

// Do is sign-in number n.
func (r *RADIUS) Do(ctx context.Context, n uint64) Sample {
	user := n % uint64(len(r.opts.Users))
	back, comesBack := uint64(0), false
	if r.opts.Resume > 0 {
		if back, comesBack = turn(n, r.opts.Resume); comesBack {
			user = back % uint64(len(r.devices))
		}
	}
	who := r.opts.Users[user]
	point, number := r.opts.Point, r.opts.Device+user
	point.Calling = fmt.Sprintf("02-%02X-%02X-%02X-%02X-%02X", byte(number>>32), byte(number>>24), byte(number>>16), byte(number>>8), byte(number))
	line := r.client.Line()
	switch r.opts.Method {
	case probe.PAP:
		return sample(point.PAP(ctx, line, who.Login, who.Password))
	case probe.MSCHAPv2:
		return sample(point.MSCHAPv2(ctx, line, who.Login, who.Password))
	case probe.Accounting:
		return r.account(ctx, &point, line, who.Login, n)
	}
	var d *device
	if comesBack {
		d = &r.devices[user]
	}
	return r.eap(ctx, &point, line, who, d)
}

// turn says whether sign-in n comes back, and as which of those that do: a
// share of all, evenly.
func turn(n uint64, share float64) (uint64, bool) {
	before, now := math.Floor(float64(n)*share), math.Floor(float64(n+1)*share)
	return uint64(before), now > before
}

func (r *RADIUS) eap(ctx context.Context, point *nas.Point, line *wire.Line, who User, d *device) Sample {
	o := r.opts.EAP
	o.Identity, o.Password = who.Login, who.Password
	if d != nil && d.mu.TryLock() {
		defer d.mu.Unlock()
		if d.sessions == nil {
			d.sessions = r.opts.Sessions()
		}
		o.Sessions = d.sessions
	}
	p, err := eappeer.New(o)
	if err != nil {
		return sample(&nas.Result{}, err)
	}
	defer p.Close()
	outer := o.Anonymous
	if outer == "" {
		outer = o.Identity
	}
	result, err := point.EAP(ctx, line, p, outer)
	s := sample(result, err)
	s.Resumed = err == nil && p.Info().Resumed
	return s
}

// account is a short session. Its id is new: a server that keeps sessions takes
// one of the last load for a record told twice, which costs it less.
func (r *RADIUS) account(ctx context.Context, point *nas.Point, line *wire.Line, login string, n uint64) Sample {
	all := &nas.Result{}
	s := nas.Session{Name: login, ID: fmt.Sprintf("load-%s-%d", r.run, n)}
	for _, status := range []nas.Status{nas.Start, nas.Interim, nas.Stop} {
		one, err := point.Account(ctx, line, s, status)
		all.Rounds = append(all.Rounds, one.Rounds...)
		if err != nil {
			return sample(all, err)
		}
		s.Time += time.Minute
	}
	return sample(all, nil)
}

func sample(result *nas.Result, err error) Sample {
	s := Sample{Outcome: string(probe.Accepted), Rounds: len(result.Rounds)}
	for _, round := range result.Rounds {
		s.Repeats += max(round.Tries-1, 0)
	}
	if err != nil {
		outcome, problem := probe.Diagnose(err)
		s.Outcome, s.Problem = string(outcome), string(problem)
	}
	return s
}
