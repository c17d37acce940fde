package soak

import (
	"testing"
	"time"
)

// TestOracle: whoever is owed a yes is found, and nobody else.
func TestOracle(t *testing.T) {
	begin := time.Now().Add(-time.Hour)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	// Of three passwords the first was changed with a notice at 100 that was
	// taken at 102, the second at 1000 without one.
	world := func() (*oracle, *somebody) {
		p := newSomebody(1, true)
		p.active = at(-99)
		p.secrets = []*secret{{password: "a", from: at(-100), until: at(100), noticed: at(102)},
			{password: "b", from: at(100), until: at(1000), lost: true, clear: at(120)}, {password: "c", from: at(1000), clear: at(1010)}}
		return newOracle(true, &history{}), p
	}
	for name, c := range map[string]struct {
		change func(o *oracle, p *somebody)
		secret int // -1: none
		how    how
		sent   int
		owes   bool
	}{
		"the right one":          {nil, 2, pap, 1100, true},
		"the right one, at once": {nil, 2, pap, 1001, false},
		"never one":              {nil, -1, pap, 1100, false},
		"the one before":         {nil, 1, ttls, 1200, false},
		"the store is busy":      {func(o *oracle, _ *somebody) { o.windows = []*window{{storeBusy, everywhere, at(1095), time.Time{}}} }, 2, pap, 1100, false},
		"not activated":          {func(_ *oracle, p *somebody) { p.active = time.Time{} }, 2, pap, 1100, false},
		"left":                   {func(_ *oracle, p *somebody) { p.gone = at(1090) }, 2, pap, 1100, false},
		"suspended":              {func(_ *oracle, p *somebody) { p.closed = at(1090) }, 2, pap, 1100, false},
		"opened again":           {func(_ *oracle, p *somebody) { p.closed, p.reopened = at(1090), at(1095) }, 2, pap, 1100, false},
		"opened again for a while": {func(_ *oracle, p *somebody) {
			p.closed, p.reopened = at(900), at(911)
		}, 2, pap, 1100, true},
		"by a hash, not seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.closed, p.reopened = at(1000), at(1021)
		}, 2, peap, 1100, false},
		"by a hash, seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.closed, p.reopened = at(1000), at(1006)
		}, 2, peap, 1100, true},
		"by the only one's hash, not seen since it was opened again": {func(_ *oracle, p *somebody) {
			p.secrets, p.closed, p.reopened = p.secrets[2:], at(1020), at(1031)
		}, 0, peap, 1100, false},
		"by a hash, seen while a notice counts": {func(_ *oracle, p *somebody) { p.secrets[0].until = at(951) }, 2, peap, 1100, false},
		"by a hash, seen after it counts":       {func(_ *oracle, p *somebody) { p.secrets[0].until = at(949) }, 2, peap, 1100, true},
		"by a hash, the password was not seen":  {func(_ *oracle, p *somebody) { p.secrets[2].clear = time.Time{} }, 2, peap, 1100, false},
	} {
		o, p := world()
		if c.change != nil {
			c.change(o, p)
		}
		f := proof{how: c.how, sent: at(c.sent), answered: at(c.sent).Add(time.Second)}
		if c.secret >= 0 {
			f.secret = p.secrets[c.secret]
		}
		if owes := o.owes(p, f); owes != c.owes {
			t.Errorf("%s: owed %v, want %v", name, owes, c.owes)
		}
	}
}
