package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"schoolbridge/internal/mosru/sim"
)

// change lets people change their passwords and be suspended.
func (w *world) change(ctx context.Context) {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<63))
	for w.wait(time.Duration(float64(time.Second) / *churnFlag)) && ctx.Err() == nil {
		p := w.free(r)
		if p == nil {
			continue
		}
		switch x := r.Float64(); {
		case x < 0.6:
			w.renew(p, sim.DeliverNow)
		case x < 0.7:
			w.renew(p, sim.DeliverDuplicate)
		case x < 0.85:
			w.renew(p, sim.DeliverLost)
		default:
			pause := time.Duration(5+r.IntN(15)) * time.Second
			w.under.Go(func() { w.suspend(p, pause) })
		}
	}
}

// free picks somebody with an account to whom nothing happens, and marks that
// something does; nil where it finds nobody.
func (w *world) free(r *rand.Rand) *somebody {
	for range 20 {
		p := w.people[r.IntN(len(w.people))]
		p.mu.Lock()
		free := !p.busy && !p.active.IsZero()
		p.busy = p.busy || free
		p.mu.Unlock()
		if free {
			return p
		}
	}
	return nil
}

func (p *somebody) release() {
	p.mu.Lock()
	p.busy = false
	p.mu.Unlock()
}

// renew changes a password. Some devices get it soon, others go on with the old
// one until the next change.
func (w *world) renew(p *somebody, how sim.Delivery) {
	w.tally.add("password changed, notice", string(how))
	number := len(p.secrets)
	next := &secret{password: p.password(number)}
	changed := event{deed: change, who: p.n, begun: time.Now(), done: true, password: number, silent: how == sim.DeliverLost}
	p.mu.Lock()
	old := p.current()
	p.secrets = append(p.secrets, next)
	p.mu.Unlock()
	if how != sim.DeliverLost {
		w.noticed.Store(p.profile.Subject, func(at time.Time) {
			p.mu.Lock()
			defer p.mu.Unlock()
			old.noticed, p.busy = at, false
			changed.ended = at
			w.history.add(changed)
		})
	}
	if err := w.mosru.SetPassword(p.profile.Login, next.password, how, 0); err != nil {
		w.tally.add("notice refused by mos.ru:", err.Error())
	}
	p.mu.Lock()
	next.from, old.until, old.lost = time.Now(), time.Now(), how == sim.DeliverLost
	p.mu.Unlock()
	if how == sim.DeliverLost {
		changed.ended = time.Now()
		w.history.add(changed)
		p.release()
	}
	for _, d := range p.devices {
		if rand.Float64() < 0.8 {
			w.under.Go(func() {
				w.wait(time.Duration(rand.Float64() * float64(10*time.Second)))
				d.mu.Lock()
				defer d.mu.Unlock()
				d.secret = next
			})
		}
	}
}

// suspend closes an account for a while.
func (w *world) suspend(p *somebody, pause time.Duration) {
	w.tally.add("suspended")
	begun := time.Now()
	p.mu.Lock()
	p.closed, p.reopened = begun, time.Time{}
	p.mu.Unlock()
	taken := w.announce(p, sim.Flags{Disabled: true}, "disabled")
	if at, ok := <-taken; ok {
		w.history.add(event{deed: shut, who: p.n, begun: begun, ended: at, done: true})
	}
	w.wait(pause)
	w.history.add(event{deed: reopen, who: p.n, begun: time.Now()})
	if at, ok := <-w.announce(p, sim.Flags{}, "enabled"); ok {
		p.mu.Lock()
		p.reopened = at
		p.mu.Unlock()
	}
	p.release()
}

// announce has mos.ru tell of an account; the channel gives when it was taken,
// and is closed without where it was not.
func (w *world) announce(p *somebody, flags sim.Flags, kind string) <-chan time.Time {
	taken := make(chan time.Time, 1)
	w.noticed.Store(p.profile.Subject, func(at time.Time) { taken <- at })
	err := w.mosru.SetFlags(p.profile.Login, flags)
	if err == nil {
		err = w.order(p, kind)
	}
	if err != nil {
		w.tally.add("notice refused by mos.ru:", err.Error())
		close(taken)
	}
	return taken
}

func (w *world) order(p *somebody, kind string) error {
	body, err := json.Marshal(map[string]string{"login": p.profile.Login, "kind": kind, "event": "now"})
	if err != nil {
		return err
	}
	response, err := http.Post(w.url+"/sim/event", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d", response.StatusCode)
	}
	return nil
}

// employ lets some people leave, and others activate, five times in all.
func (w *world) employ(ctx context.Context) {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<62))
	const times = 5
	var waiting []*somebody
	for _, p := range w.people {
		if !p.early {
			waiting = append(waiting, p)
		}
	}
	share := len(waiting) / times
	for i := range times {
		if !w.wait(*forFlag/(times+1)) || ctx.Err() != nil {
			return
		}
		var leavers []*somebody
		for range max(1, len(w.people)/200) {
			if p := w.free(r); p != nil {
				p.mu.Lock()
				p.gone = time.Now()
				p.mu.Unlock()
				leavers = append(leavers, p)
			}
		}
		w.bringRegistry(leavers)
		for _, p := range waiting[i*share : (i+1)*share] {
			w.join(p)
		}
	}
}

// bringRegistry imports the registry as it is now.
func (w *world) bringRegistry(leavers []*somebody) {
	err := w.registry()
	for tries := 0; err == nil && tries < 10; tries++ {
		var out string
		if out, err = w.daemon.command("registry", "import", filepath.Join(w.dir, "registry")); err == nil {
			break
		}
		w.tally.add("import failed:", strings.TrimSpace(out))
		if err = nil; !w.wait(time.Second) {
			return
		}
	}
	for _, p := range leavers {
		w.tally.add("left")
		w.history.add(event{deed: shut, who: p.n, begun: p.gone, ended: time.Now(), done: true})
	}
}

// join activates somebody, who asks again where the daemon cannot.
func (w *world) join(p *somebody) {
	for range 20 {
		err := w.activate(p)
		if err == nil {
			w.tally.add("activated")
			return
		}
		if !w.wait(time.Second) {
			return
		}
	}
	w.tally.add("activation given up")
}
