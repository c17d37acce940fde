package ad

import (
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
)

const lost = `CN=evann\0ACNF:a746b716-0ac0-11d2-b376-0000f87a46c8,` + staff49

// loses has an object lose its name.
func (w *world) loses(o *thing) {
	rdn, _, _ := strings.Cut(lost, ",")
	if err := w.ad.Rename(w.t.Context(), o.dn, rdn, staff49); err != nil {
		w.t.Fatal(err)
	}
}

// TestConflict: two domain controllers have given the account's name away. Nothing
// of the other account is touched and ours goes on being kept; when it is alone
// again it has its name back.
func TestConflict(t *testing.T) {
	for _, which := range []string{"samaccountname", "userprincipalname"} {
		for _, loses := range []bool{false, true} {
			w := newWorld(t, plainLayout())
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			own, place := w.account("evann"), lost
			if loses {
				w.loses(own)
				place = "CN=evann," + staff49
			}
			rival := w.ad.put(place, user("other", "512"))
			rival.attrs[which] = []string{"EVANN" + map[bool]string{true: "@uao.obr.mos.ru"}[which == "userprincipalname"]}
			before := w.state()
			plan, err := w.target.Plan(t.Context(), w.job())
			if err != nil || len(plan.Changes) != 0 || codes(plan.Problems) != "AD_CONFLICT(evann)" {
				t.Errorf("plan: %+v, %v", plan, err)
			}
			if p := w.settle(); codes(p.Observed.Problems) != "AD_CONFLICT(evann)" || p.Observed.Ready || p.Wrote != 0 || w.state() != before {
				t.Errorf("%s, loses %v: %+v", which, loses, p)
			}
			w.trigger(func() { w.entry.Last = "Синицына" })
			if p := w.settle(); codes(p.Observed.Problems) != "AD_CONFLICT(evann)" || own.attrs["sn"][0] != "Синицына" || len(rival.attrs["employeenumber"]) != 0 {
				t.Errorf("%s, loses %v: %+v\n%s", which, loses, p, w.state())
			}
			// Somebody else's names again, in another place.
			rival.dn, rival.attrs["samaccountname"], rival.attrs["userprincipalname"] = "CN=x,"+old, []string{"x"}, nil
			if p := w.settle(); !p.Observed.Ready || !ldapclient.SameDN(own.dn, "CN=evann,"+staff49) || w.owned() != 1 {
				t.Errorf("%s, loses %v: %s\n%s", which, loses, codes(p.Observed.Problems), w.state())
			}
		}
	}
}

// TestConflictMoves: who lost the name and goes elsewhere has it back there.
func TestConflictMoves(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	w.loses(w.account("evann"))
	w.ad.put("CN=evann,"+staff49, user("evann", "512"))
	w.trigger(func() { w.entry = entry(learns("7")) })
	p := w.settle()
	if !strings.Contains(codes(p.Observed.Problems), "AD_CONFLICT(evann)") || !ldapclient.SameDN(p.Observed.Place, "CN=evann,OU=pupil,OU=7,"+base) {
		t.Errorf("%+v\n%s", p, w.state())
	}
}

// TestDispossessed: the directory has taken our account's name itself, as Windows
// does; or only its place.
func TestDispossessed(t *testing.T) {
	for _, has := range []string{"evann", "somebody"} {
		w := newWorld(t, plainLayout())
		w.settle()
		own := w.account("evann")
		w.loses(own)
		if has == "evann" {
			own.attrs["samaccountname"] = []string{"$DUPLICATE-1f4"}
		}
		rival := w.ad.put("CN=evann,"+staff49, user(has, "512"))
		if p := w.settle(); codes(p.Observed.Problems) != "PASSWORD_NEEDED AD_CONFLICT(evann)" && codes(p.Observed.Problems) != "AD_CONFLICT(evann) PASSWORD_NEEDED" || p.Wrote != 0 {
			t.Errorf("%+v", p)
		}
		rival.dn, rival.attrs["samaccountname"] = "CN=x,"+old, []string{"x"}
		if p := w.settle(); codes(p.Observed.Problems) != "PASSWORD_NEEDED" || p.Observed.Name != "evann" || !ldapclient.SameDN(own.dn, "CN=evann,"+staff49) {
			t.Errorf("%s\n%s", codes(p.Observed.Problems), w.state())
		}
	}
}

// called is a client of a domain controller that has a name.
type called struct {
	Client
	name *string
}

func (c called) Server() string { return *c.name }

// TestAnotherController: what the row knows and another controller does not is
// waited for, a day long and no longer; the same controller is believed at once.
func TestAnotherController(t *testing.T) {
	name, now := "dc1.obr.example", noon
	begin := func() *world {
		name, now = "dc1.obr.example", noon
		w := newWorld(t, plainLayout())
		var err error
		if w.target, err = New(called{w.ad, &name}, Options{Layout: plainLayout()}); err != nil {
			t.Fatal(err)
		}
		w.now = func() time.Time { return now }
		w.password = password(1, "Zimorodok-2021", 1)
		w.settle()
		return w
	}
	gone := func(w *world) {
		own := w.account("evann")
		w.ad.objects = slices.DeleteFunc(w.ad.objects, func(o *thing) bool { return o == own })
	}
	old := func(w *world) { w.account("evann").attrs["admindescription"] = []string{stampPrefix + "old"} }
	suspended := func(lack func(*world)) func(*world) {
		return func(w *world) {
			lack(w)
			w.trigger(func() { w.entry.State, w.password = directory.StateSuspended, nil })
		}
	}
	for _, c := range []struct {
		what   string
		server string
		later  time.Duration
		lack   func(*world)
		want   string
	}{
		{"gone from the same one", "DC1.obr.example", time.Hour, gone, "PASSWORD_NEEDED"},
		{"not on another one yet", "dc2.obr.example", 23 * time.Hour, gone, "AD_SERVER_BEHIND"},
		{"not on another one ever", "dc2.obr.example", 24 * time.Hour, gone, "PASSWORD_NEEDED"},
		{"an old state on another one", "dc2.obr.example", time.Hour, old, "AD_SERVER_BEHIND"},
		{"an old state on another one, to be off", "dc2.obr.example", time.Hour, suspended(old), ""},
		{"an old state on another one, off there", "dc2.obr.example", time.Hour, suspended(func(w *world) { old(w); w.account("evann").attrs["useraccountcontrol"] = []string{"66050"} }), "AD_SERVER_BEHIND"},
		{"an old state on another one without the mark, to be off", "dc2.obr.example", time.Hour, suspended(func(w *world) { old(w); delete(w.account("evann").attrs, "employeenumber") }), "AD_SERVER_BEHIND"},
		{"not on another one yet, to be off", "dc2.obr.example", time.Hour, suspended(gone), "AD_SERVER_BEHIND"},
		{"another one that knows all", "dc2.obr.example", time.Hour, func(*world) {}, ""},
		{"a name that is not known", "", time.Hour, gone, "PASSWORD_NEEDED"},
	} {
		w := begin()
		c.lack(w)
		name, now = c.server, noon.Add(c.later)
		before, row := w.state(), w.row
		plan, err := w.target.Plan(t.Context(), w.job())
		if behind := plan.Action == provision.ActionProblem && codes(plan.Problems) == "AD_SERVER_BEHIND"; err != nil || behind != (c.want == "AD_SERVER_BEHIND") {
			t.Errorf("%s: plan %+v, %v", c.what, plan, err)
		}
		p := w.settle()
		if codes(p.Observed.Problems) != c.want {
			t.Errorf("%s: %+v", c.what, p)
		}
		if c.want == "AD_SERVER_BEHIND" && (w.state() != before || p.Wrote != 0 || string(p.Object) != string(row.Object) || p.Stamp != row.Stamp || !p.Observed.At.Equal(noon)) {
			t.Errorf("%s: %+v\n%s", c.what, p, w.state())
		}
		if off := w.entry.State == directory.StateSuspended; c.want == "" && (p.Observed.Enabled == off || off && plan.Action != provision.ActionDisable) {
			t.Errorf("%s: enabled %v, plan %+v", c.what, p.Observed.Enabled, plan)
		}
		if c.want == "" && p.Observed.Server != c.server {
			t.Errorf("%s: seen by way of %q", c.what, p.Observed.Server)
		}
	}
}

// TestConflictRefused: an account whose modify the directory refuses is not moved
// either, whatever name it lost: nothing would show that nobody has been faster.
func TestConflictRefused(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	w.loses(w.account("evann"))
	w.ad.deny = func(op, _ string) error {
		if op == "modify" {
			return result(50, 0)
		}
		return nil
	}
	before := w.state()
	if p := w.settle(); !strings.Contains(codes(p.Observed.Problems), "AD_REFUSED(account: 50)") || p.Wrote != 0 || w.state() != before {
		t.Errorf("%+v\n%s", p, w.state())
	}
}
