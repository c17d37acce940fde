package soak

import (
	"testing"
	"time"
)

// TestOracle: what is wrong is called so, and what is right is not.
func TestOracle(t *testing.T) {
	begin := time.Now().Add(-time.Hour)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	// Of three passwords the first was changed with a notice at 100 that was
	// taken at 102, the second at 1000 without one.
	world := func() (*oracle, *somebody) {
		p := newSomebody(1, true)
		p.asked, p.active = at(-100), at(-99)
		p.secrets = []*secret{{password: "a", from: at(-100), until: at(100), noticed: at(102)},
			{password: "b", from: at(100), until: at(1000), lost: true, clear: at(120)}, {password: "c", from: at(1000), clear: at(1010)}}
		return newOracle(true), p
	}
	for name, c := range map[string]struct {
		change        func(o *oracle, p *somebody)
		secret        int // -1: none
		how           how
		sent          int
		forbids, owes bool
	}{
		"the right one":                       {nil, 2, pap, 1100, false, true},
		"the right one, at once":              {nil, 2, pap, 1001, false, false},
		"never one":                           {nil, -1, pap, 1100, true, false},
		"with a notice, within the promise":   {nil, 0, pap, 106, false, false},
		"with a notice, after it":             {nil, 0, pap, 108, true, false},
		"with a notice, by its hash":          {nil, 0, peap, 108, true, false},
		"without, while the confirmation may": {nil, 1, ttls, 1200, false, false},
		"without, after the confirmation":     {nil, 1, ttls, 1250, true, false},
		"without, after it, by its hash":      {nil, 1, mschapv2, 1250, false, false},
		"without, but a new hash came":        {func(_ *oracle, p *somebody) { p.secrets[2].hashed = at(1240) }, 1, mschapv2, 1250, true, false},
		"mos.ru is gone":                      {func(o *oracle, _ *somebody) { o.windows = []*window{{mosruGone, at(1245), at(1260)}} }, 1, ttls, 1250, false, false},
		"the store was closed":                {func(o *oracle, _ *somebody) { o.windows = []*window{{storeClosed, at(103), at(110)}} }, 0, pap, 114, false, false},
		"the store was closed, after that":    {func(o *oracle, _ *somebody) { o.windows = []*window{{storeClosed, at(103), at(110)}} }, 0, pap, 116, true, false},
		"the store was closed before":         {func(o *oracle, _ *somebody) { o.windows = []*window{{storeClosed, at(90), at(101)}} }, 0, pap, 108, true, false},
		"the store is busy":                   {func(o *oracle, _ *somebody) { o.windows = []*window{{storeBusy, at(1095), time.Time{}}} }, 2, pap, 1100, false, false},
		"not activated":                       {func(_ *oracle, p *somebody) { p.asked, p.active = time.Time{}, time.Time{} }, 2, pap, 1100, true, false},
		"left, within the promise":            {func(_ *oracle, p *somebody) { p.gone = closing{at(1090), at(1097)} }, 2, pap, 1100, false, false},
		"left":                                {func(_ *oracle, p *somebody) { p.gone = closing{at(1090), at(1094)} }, 2, pap, 1100, true, false},
		"suspended":                           {func(_ *oracle, p *somebody) { p.closed = closing{at(1090), at(1091)} }, 2, pap, 1100, true, false},
		"opened again":                        {func(_ *oracle, p *somebody) { p.closed, p.opened = closing{at(1090), at(1091)}, at(1099) }, 2, pap, 1100, false, false},
		"opened again for a while": {func(_ *oracle, p *somebody) {
			p.closed, p.opened, p.reopened = closing{at(900), at(901)}, at(910), at(911)
		}, 2, pap, 1100, false, true},
		"by a hash, not seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.closed, p.opened, p.reopened = closing{at(1000), at(1001)}, at(1020), at(1021)
		}, 2, peap, 1100, false, false},
		"by a hash, seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.closed, p.opened, p.reopened = closing{at(1000), at(1001)}, at(1005), at(1006)
		}, 2, peap, 1100, false, true},
		"by the only one's hash, not seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.secrets, p.closed, p.opened, p.reopened = p.secrets[2:], closing{at(1020), at(1021)}, at(1030), at(1031)
		}, 0, peap, 1100, false, false},
		"by a hash, seen while a notice counts": {func(_ *oracle, p *somebody) { p.secrets[0].until = at(951) }, 2, peap, 1100, false, false},
		"by a hash, seen after it counts":       {func(_ *oracle, p *somebody) { p.secrets[0].until = at(949) }, 2, peap, 1100, false, true},
		"by a hash, the password was not seen":  {func(_ *oracle, p *somebody) { p.secrets[2].clear = time.Time{} }, 2, peap, 1100, false, false},
	} {
		o, p := world()
		if c.change != nil {
			c.change(o, p)
		}
		f := proof{how: c.how, sent: at(c.sent), answered: at(c.sent).Add(time.Second)}
		if c.secret >= 0 {
			f.secret = p.secrets[c.secret]
		}
		// What comes after the proof is not known yet.
		if why := o.forbids(p, f); (why != "") != c.forbids {
			t.Errorf("%s: forbidden %q, want %v", name, why, c.forbids)
		}
		if owes := o.owes(p, f); owes != c.owes {
			t.Errorf("%s: owed %v, want %v", name, owes, c.owes)
		}
	}
}
