package identity

import (
	"testing"
	"time"
)

func TestGiven(t *testing.T) {
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	now := at.Add(3 * time.Hour)
	whole := Grant{Rule: "a", Role: "staff", VLAN: 20, Filter: "f", Down: 2, Up: 1, IdleTimeout: time.Minute, Longest: 8 * time.Hour}
	was := whole.Given(at, at)
	if was.IsZero() || !was.At.Equal(at) || !was.Until.Equal(at.Add(8*time.Hour)) {
		t.Fatalf("%+v", was)
	}
	for name, c := range map[string]struct {
		change                 func(*Grant)
		mark, until, withdraws bool // the same mark, the same end, and something is gone
	}{
		"as it is":           {func(*Grant) {}, true, true, false},
		"another rule":       {func(g *Grant) { g.Rule, g.Role, g.School = "b", "pupil", "7" }, true, true, false},
		"another VLAN":       {func(g *Grant) { g.VLAN = 30 }, false, true, false},
		"a named VLAN":       {func(g *Grant) { g.VLAN, g.VLANName = 0, "20" }, false, true, false},
		"no VLAN":            {func(g *Grant) { g.VLAN = 0 }, false, true, true},
		"another filter":     {func(g *Grant) { g.Filter = "g" }, false, true, false},
		"rates change place": {func(g *Grant) { g.Down, g.Up = 1, 2 }, false, true, false},
		"no rate":            {func(g *Grant) { g.Up = 0 }, false, true, true},
		"idle":               {func(g *Grant) { g.IdleTimeout++ }, false, true, false},
		"shorter":            {func(g *Grant) { g.Longest -= time.Hour }, true, false, false},
		"hours":              {func(g *Grant) { g.Left = time.Hour }, true, false, false},
		"hours beyond it":    {func(g *Grant) { g.Left = 20 * time.Hour }, true, true, false},
		"nearly the same":    {func(g *Grant) { g.Longest += time.Minute }, true, true, false},
		"without end":        {func(g *Grant) { g.Longest = 0 }, true, false, false},
	} {
		g := whole
		c.change(&g)
		is := g.Given(at, now)
		if is.Alike(was) != c.mark || was.Alike(is) != c.mark || is.Ends(was) != c.until || was.Withdraws(is) != c.withdraws {
			t.Errorf("%s: %+v became %+v", name, was, is)
		}
	}
	if none := (&Grant{}).Given(at, at); none.Mark&0xff != 0 || was.Withdraws(was) || none.Withdraws(was) || !(Given{}).IsZero() {
		t.Errorf("%+v", none)
	}
}

// TestMarksOfTwoVersions: nothing can be said of what another build gave, but
// which kinds of things there are.
func TestMarksOfTwoVersions(t *testing.T) {
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	given := func(g Grant) Given { return g.Given(at, at) }
	with, other, without := given(Grant{VLAN: 20}), given(Grant{VLAN: 30}), given(Grant{})
	if with.Mark>>8&0xff != markVersion || without.Mark>>8&0xff != markVersion || with.Alike(other) {
		t.Errorf("%x, %x, %x", with.Mark, other.Mark, without.Mark)
	}
	for _, version := range []uint64{0, markVersion + 1, 0xff} {
		was := with
		was.Mark = was.Mark&^0xff00 | version<<8
		if !was.Alike(with) || !was.Alike(other) || !other.Alike(was) || was.Withdraws(other) || !was.Withdraws(without) {
			t.Errorf("version %d: %+v", version, was)
		}
	}
}
