package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

var bob = identity.PersonID{0xB0}

// TestNamesOfOthers: nothing is made or written where a name is somebody
// else's, and no other name is tried.
func TestNamesOfOthers(t *testing.T) {
	for _, c := range []struct {
		name, dn string
		attrs    map[string]string
		want     string
	}{
		{"nobody's", "CN=x,OU=far," + domain, user("EVANN", "512"), "AD_UNOWNED"},
		{"another's", "CN=x," + base, user("evann", "512", "employeenumber", bob.String()), "AD_NAME_TAKEN"},
		{"a group", "CN=x," + domain, map[string]string{"objectclass": "group", "samaccountname": "evann"}, "AD_NAME_TAKEN"},
		{"nobody's UPN", "CN=x," + domain, user("x", "512", "userprincipalname", "Evann@uao.obr.mos.ru"), "AD_UNOWNED"},
		{"another's UPN", "CN=x," + domain, user("x", "512", "userprincipalname", "evann@uao.obr.mos.ru", "employeenumber", bob.String()), "AD_NAME_TAKEN"},
		{"a cn", "CN=evann," + staff49, map[string]string{"objectclass": "contact"}, "AD_NAME_TAKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, plainLayout())
			w.ad.put("OU=49,"+base, nil)
			w.ad.put(staff49, nil)
			w.ad.put(c.dn, c.attrs)
			w.password = password(1, "Zimorodok-2021", 1)
			before := w.state()
			plan, err := w.target.Plan(t.Context(), w.job())
			if err != nil || plan.Action != "problem" && c.name != "a cn" {
				t.Errorf("plan: %+v, %v", plan, err)
			}
			p := w.settle()
			if codes(p.Observed.Problems) != c.want || p.Observed.Ready || p.Object != nil || p.Delivered != nil || w.state() != before {
				t.Errorf("%+v\n%s", p, w.state())
			}
		})
	}
}

// TestOwnUnderAnyName: what carries the person's mark is taken over, of several
// the one with the reserved name, else the oldest.
func TestOwnUnderAnyName(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.ad.put("OU=49,"+base, nil)
	w.ad.put(staff49, nil)
	first := w.ad.put("CN=first,"+base, user("evann-1", "512", "employeenumber", anna.String(), "userprincipalname", "evann@uao.obr.mos.ru"))
	w.ad.put("CN=second,"+base, user("evann-2", "512", "employeenumber", anna.String()))
	w.password = password(1, "Zimorodok-2021", 1)
	if plan, err := w.target.Plan(t.Context(), w.job()); err != nil || plan.Action != "change" {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	p := w.settle()
	if string(p.Object) != first.attrs["objectguid"][0] || p.Observed.Name != "evann-1" || first.password != "Zimorodok-2021" || w.owned() != 2 {
		t.Errorf("%+v\n%s", p, w.state())
	}
	w = newWorld(t, plainLayout())
	w.ad.put("CN=first,"+base, user("evann-1", "512", "employeenumber", anna.String()))
	named := w.ad.put("CN=second,"+base, user("evann", "512", "employeenumber", anna.String()))
	if p := w.settle(); string(p.Object) != named.attrs["objectguid"][0] {
		t.Errorf("%+v\n%s", p, w.state())
	}
}

// TestGuardedObjectsStayAsTheyAre: every reason to keep away, from an object
// that was ours and from one about to be adopted, whatever is asked.
func TestGuardedObjectsStayAsTheyAre(t *testing.T) {
	for name, change := range map[string]func(*thing){
		"AD_PROTECTED(evann)": func(o *thing) { o.attrs["admincount"] = []string{"1"} },
		"OWNER_MARK_CHANGED":  func(o *thing) { o.attrs["employeenumber"] = []string{bob.String()} },
		"outside":             func(o *thing) { o.dn = "CN=evann," + domain },
		"mark and stamp gone": func(o *thing) { delete(o.attrs, "employeenumber"); delete(o.attrs, "admindescription") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainLayout())
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			change(w.account("evann"))
			before := w.state()
			for _, ask := range []func(){
				func() { w.entry.Epoch, w.password = 2, password(2, "Zimorodok-2022", 2) },
				func() { w.entry = entry(learns("7")) },
				func() { w.entry.State = directory.StateSuspended },
				func() { w.entry = nil },
			} {
				w.trigger(ask)
				p := w.settle()
				if p.Observed.Ready || p.Delivered != nil || p.Wrote != 0 || len(p.Observed.Problems) != 1 || w.state() != before {
					t.Errorf("%+v\n%s", p, w.state())
				}
				if strings.Contains(name, "_") && codes(p.Observed.Problems) != name {
					t.Errorf("got %s", codes(p.Observed.Problems))
				}
				if plan, err := w.target.Plan(t.Context(), w.job()); err != nil || plan.Action != "problem" {
					t.Errorf("plan: %+v, %v", plan, err)
				}
			}
		})
	}
}

// TestStampTakenAway: the stamp heals, also where a program keeps its own text
// there.
func TestStampTakenAway(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	o := w.account("evann")
	for _, text := range [][]string{nil, {"из отдела кадров"}} {
		o.attrs["admindescription"] = text
		w.settle()
		if got := o.attrs["admindescription"]; len(got) != 1 || got[0] != w.row.Stamp || !isStamp(w.row.Stamp) {
			t.Errorf("stamp %q, row %q", got, w.row.Stamp)
		}
	}
}

// TestRefusals: what one part is refused holds no other part up.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		deny    func(op, what string) error
		weak    bool
		ask     func(*world)
		want    string // problems
		state   []string
		atStart bool // deny from the first pass on
	}{
		{name: "names do not stop disabling", deny: only("displayName", 21), ask: func(w *world) {
			w.entry = entry(teaches("49"))
			w.entry.Last, w.entry.State = "Синицына", directory.StateSuspended
		}, want: "AD_REFUSED(names: 21)", state: []string{"useraccountcontrol=66050", "sn=Еванова"}},
		{name: "a password does not stop names and enabling", weak: true, ask: func(w *world) {
			w.account("evann").attrs["useraccountcontrol"] = []string{"514"}
			w.entry = entry(teaches("49"))
			w.entry.Last, w.entry.Epoch, w.password = "Синицына", 2, password(2, "weak", 2)
		}, want: "AD_PASSWORD_REFUSED", state: []string{"useraccountcontrol=66048", "sn=Синицына", "password=Zimorodok-2021"}},
		{name: "no right to passwords", deny: only("unicodePwd", 50), ask: func(w *world) {
			w.entry = entry(teaches("49"))
			w.entry.State, w.password = directory.StateActive, password(2, "Zimorodok-2022", 1)
			w.account("evann").attrs["useraccountcontrol"] = []string{"514"}
		}, want: "AD_REFUSED(unicodePwd: 50)", state: []string{"useraccountcontrol=66048", "password=Zimorodok-2021"}},
		{name: "no right to move", ask: func(w *world) { w.entry = entry(teaches("7")) }, deny: only("OU=7,"+base, 50),
			want: "AD_REFUSED(OU: 50) AD_REFUSED(move: 32)", state: []string{"CN=evann," + staff49, "CN=staff-7,OU=groups"}},
		{name: "no right to groups", atStart: true, deny: only("CN=staff-49,OU=groups,"+base, 50), ask: func(*world) {},
			want: "AD_REFUSED(group: 50) AD_REFUSED(member of CN=staff-49,OU=groups," + base + ": 32)", state: []string{"CN=evann," + staff49 + " password=Zimorodok-2021"}},
		{name: "no right to anything", deny: func(string, string) error { return result(50, 0) }, ask: func(w *world) { w.entry = entry(learns("7")) },
			want: "AD_REFUSED(account: 50)", state: []string{"CN=evann," + staff49}},
		{name: "a UPN that another has", ask: func(w *world) {
			delete(w.account("evann").attrs, "userprincipalname")
			w.ad.put("CN=x,"+domain, user("x", "512", "userprincipalname", "evann@uao.obr.mos.ru"))
			w.entry = entry(teaches("49"))
			w.entry.Last = "Синицына"
		}, want: "AD_NAME_TAKEN(evann@uao.obr.mos.ru)", state: []string{"sn=Синицына"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, plainLayout())
			w.password = password(1, "Zimorodok-2021", 1)
			if c.atStart {
				w.ad.deny = c.deny
			} else {
				w.settle()
			}
			if c.weak {
				w.ad.weak = func(p string) bool { return p == "weak" }
			}
			w.ad.deny = c.deny
			w.trigger(func() { c.ask(w) })
			for range 2 { // also the second time
				p := w.settle()
				if codes(p.Observed.Problems) != c.want || p.Observed.Ready {
					t.Errorf("problems %s", codes(p.Observed.Problems))
				}
			}
			for _, part := range c.state {
				if !strings.Contains(w.state(), part) {
					t.Errorf("no %q in\n%s", part, w.state())
				}
			}
			if c.weak && w.password == nil {
				t.Error("the refused password was dropped")
			}
		})
	}
}

func only(name string, code uint16) func(op, what string) error {
	return func(_, what string) error {
		if what == name {
			return result(code, 0)
		}
		return nil
	}
}

// TestTroubleOfTheWholeDirectory is an error, and no account's problem.
func TestTroubleOfTheWholeDirectory(t *testing.T) {
	for _, cause := range []error{errLost, result(51, 0), result(49, 0), result(1, 0x4DC)} {
		w := newWorld(t, plainLayout())
		w.ad.before = func(int, string) error { return cause }
		for _, object := range [][]byte{nil, []byte("guid-00000000001")} {
			w.row.Object = object
			if p, err := w.target.Bring(t.Context(), w.job()); !errors.Is(err, cause) || p.Object != nil || strings.Contains(fmt.Sprint(err), "evann") {
				t.Errorf("%v: %+v, %v", cause, p, err)
			}
			if _, err := w.target.Plan(t.Context(), w.job()); !errors.Is(err, cause) {
				t.Errorf("%v: plan: %v", cause, err)
			}
		}
	}
}

// TestForeignText: of what stood in the stamp attribute before us, the store
// gets nothing that could be read, and it does not come back unseen.
func TestForeignText(t *testing.T) {
	const text = "учитель физики Еванова"
	w := newWorld(t, plainLayout())
	o := w.ad.put("CN=evann,"+old, user("evann", "512", "admindescription", text))
	w.row.Object, w.password = []byte(o.attrs["objectguid"][0]), password(1, "Zimorodok-2021", 1)
	w.ad.deny = only("adminDescription", 50) // adoption fails, time and again
	for range 2 {
		if p := w.settle(); strings.Contains(p.Stamp, "Еванова") || !strings.HasPrefix(w.row.Stamp, foreignPrefix) {
			t.Errorf("the store has the stamp %q", w.row.Stamp)
		}
	}
	before := w.row.Stamp
	o.attrs["admindescription"] = []string{"another text"}
	w.ad.deny = nil
	if p, err := w.target.Bring(t.Context(), w.job()); err != nil || !p.Again || p.Wrote != 0 || p.Stamp == before {
		t.Errorf("another text: %+v, %v", p, err)
	}
	if p := w.settle(); !p.Observed.Ready || !isStamp(w.row.Stamp) {
		t.Errorf("%+v", p)
	}
}

// TestLoginLikeAGroup: whoever takes the login staff-49 before that school's
// group is made takes nobody's group away.
func TestLoginLikeAGroup(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.ad.put("CN=staff-49,"+base, user("staff-49", "512", "employeenumber", "somebody's"))
	w.password = password(1, "Zimorodok-2021", 1)
	if p := w.settle(); !p.Observed.Ready || !strings.Contains(w.state(), "member=CN=evann,"+staff49) {
		t.Errorf("problems %s\n%s", codes(p.Observed.Problems), w.state())
	}
	for _, cn := range []string{"staff-49", "a.b", "Учителя 49", "a/b", "1"} {
		if person.UsableADName(groupName(cn)) == nil {
			t.Errorf("the group %s is called %s, which can be a login", cn, groupName(cn))
		}
	}
}

// TestPasswordSetByOthers: what we delivered is no longer there.
func TestPasswordSetByOthers(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.password = password(1, "Zimorodok-2021", 1)
	if p := w.settle(); p.Observed.PasswordEpoch != 1 || !p.Observed.Ready || p.Delivered == nil && w.password != nil {
		t.Fatalf("%+v", p)
	}
	w.account("evann").attrs["pwdlastset"] = []string{"999999"}
	if p := w.settle(); codes(p.Observed.Problems) != "PASSWORD_NEEDED" || p.Observed.PasswordEpoch != 0 || p.Wrote != 0 {
		t.Errorf("%+v", p)
	}
	w.trigger(func() { w.password = password(1, "Zimorodok-2021", 1) }) // the same again
	if p := w.settle(); !p.Observed.Ready || w.account("evann").password != "Zimorodok-2021" || p.Wrote == 0 {
		t.Errorf("%+v", p)
	}
	w.trigger(func() { w.password = password(1, "Zimorodok-2021", 1) }) // and again, where it is
	if p := w.settle(); !p.Observed.Ready || p.Wrote != 0 || w.password != nil {
		t.Errorf("%+v", p)
	}
}

// TestReplyOfAnother: a pass that reads another stamp back than it wrote claims
// nothing.
func TestReplyOfAnother(t *testing.T) {
	for _, create := range []bool{true, false} {
		w := newWorld(t, plainLayout())
		if !create {
			w.settle()
		}
		w.trigger(func() { w.password = password(1, "Zimorodok-2021", 1) })
		wrote := false
		w.ad.after = func(_ int, op string) error {
			if !wrote && (op == "modify" || op == "add") {
				if o := w.ad.find("CN=evann," + staff49); o != nil {
					o.attrs["admindescription"], wrote = []string{stampPrefix + "another"}, true
				}
			}
			return nil
		}
		p, err := w.target.Bring(t.Context(), w.job())
		if err != nil || !p.Again || p.Delivered != nil || p.Stamp != stampPrefix+"another" || p.Observed.Ready ||
			create && strings.Contains(w.state(), "CN=staff-49,") {
			t.Errorf("create %v: %+v, %v", create, p, err)
		}
	}
}

// TestForgottenChanges: what the directory says it did and did not do is told.
func TestForgottenChanges(t *testing.T) {
	for attribute, want := range map[string]string{"unicodepwd": "AD_REFUSED(unicodePwd)", "displayname": "AD_REFUSED(displayName)"} {
		w := newWorld(t, plainLayout())
		w.password = password(1, "Zimorodok-2021", 1)
		w.settle()
		w.ad.ignore = attribute
		w.trigger(func() {
			w.entry = entry(teaches("49"))
			w.entry.First, w.password = "Анна", password(2, "Zimorodok-2022", 1)
		})
		if p := w.settle(); codes(p.Observed.Problems) != want || p.Observed.Ready || (w.password == nil) != (attribute != "unicodepwd") {
			t.Errorf("%s: %+v", attribute, p)
		}
	}
}

// TestDeletedMeanwhile: an object that is gone between looking and writing is
// made anew by the next pass.
func TestDeletedMeanwhile(t *testing.T) {
	for at := 1; at <= 3; at++ {
		w := newWorld(t, plainLayout())
		w.settle()
		w.ad.calls = 0
		w.ad.before = func(n int, _ string) error {
			if n == at && len(w.ad.objects) > 0 {
				w.ad.objects = slicesWithout(w.ad.objects, w.account("evann"))
			}
			return nil
		}
		w.trigger(func() { w.password = password(1, "Zimorodok-2021", 1) })
		if p := w.settle(); !p.Observed.Ready || w.owned() != 1 || w.account("evann").password != "Zimorodok-2021" {
			t.Errorf("step %d: %+v\n%s", at, p, w.state())
		}
	}
}

// TestLateCreateOfALeaver: a create whose reply was lost leaves no enabled
// account behind when the person has left in the meantime.
func TestLateCreateOfALeaver(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.password = password(1, "Zimorodok-2021", 1)
	w.ad.after = func(_ int, op string) error {
		if op == "add" && w.ad.find("CN=evann,"+staff49) != nil {
			w.ad.after = nil
			return errLost
		}
		return nil
	}
	if _, err := w.target.Bring(t.Context(), w.job()); !errors.Is(err, identity.ErrUnreachable) {
		t.Fatal(err)
	}
	w.trigger(func() { w.entry = entry() })
	if plan, err := w.target.Plan(t.Context(), w.job()); err != nil || plan.Action != "disable" {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	if p := w.settle(); p.Observed.Enabled || p.Observed.Name != "evann" || !p.Observed.Ready {
		t.Errorf("%+v\n%s", p, w.state())
	}
}

// TestImpossibleNames: no object is made under a name that Active Directory
// would take and Windows would not; one that has such a name may keep it.
func TestImpossibleNames(t *testing.T) {
	for _, name := range []string{"", "eva_nn", "evann.", strings.Repeat("a", 21), "еванн"} {
		w := newWorld(t, plainLayout())
		w.row.Name = name
		if plan, err := w.target.Plan(t.Context(), w.job()); err != nil || plan.Action != "problem" {
			t.Errorf("%q: plan: %+v, %v", name, plan, err)
		}
		if p := w.settle(); codes(p.Observed.Problems) != "LOGIN_NOT_USABLE" || w.owned() != 0 {
			t.Errorf("%q: %+v", name, p)
		}
		o := w.ad.put("CN=x,"+base, user("eva_nn", "512"))
		w.trigger(func() { w.row.Object, w.password = []byte(o.attrs["objectguid"][0]), password(1, "Zimorodok-2021", 1) })
		if p := w.settle(); !p.Observed.Ready || p.Observed.Name != "eva_nn" {
			t.Errorf("%q: %+v", name, p)
		}
	}
}

// TestUnreadableAccount: one account that cannot be read stops no others, and
// nothing that was known of it is forgotten.
func TestUnreadableAccount(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.password = password(1, "Zimorodok-2021", 1)
	w.settle()
	before := w.row
	w.ad.before = func(int, string) error { return result(50, 0) }
	if plan, err := w.target.Plan(t.Context(), w.job()); err != nil || plan.Action != "problem" {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	if p := w.settle(); codes(p.Observed.Problems) != "AD_REFUSED(read: 50)" || p.Observed.Ready || p.Observed.PasswordEpoch != 1 ||
		p.Stamp != before.Stamp || string(p.Object) != string(before.Object) {
		t.Errorf("%+v", p)
	}
	w.ad.before = nil
	w.account("evann").attrs["objectguid"] = []string{"hidden"}
	w.row.Object = nil
	if p := w.settle(); codes(p.Observed.Problems) != "AD_REFUSED(read)" {
		t.Errorf("%+v", p)
	}
}

// TestNobodyWithoutNeed: no object is made for somebody who may not sign in.
func TestNobodyWithoutNeed(t *testing.T) {
	for _, e := range []*directory.Entry{nil, entry(), {Person: anna, Login: "evann", State: directory.StateSuspended, Affiliations: []directory.Affiliation{teaches("49")}}} {
		w := newWorld(t, plainLayout())
		w.entry, w.password = e, password(1, "Zimorodok-2021", 1)
		if p := w.settle(); p.Wrote != 0 || p.Object != nil || !p.Observed.Ready || w.owned() != 0 {
			t.Errorf("%+v", p)
		}
	}
}

// TestUnseenValues: where the service account may not read what it may write,
// a pass says so and does not run in circles.
func TestUnseenValues(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	blind := blindClient{w.ad}
	target, err := New(blind, Options{Layout: plainLayout()})
	if err != nil {
		t.Fatal(err)
	}
	w.target, w.row.Stamp, w.row.Observed = target, "", provision.Observed{}
	if p := w.settle(); !strings.HasPrefix(codes(p.Observed.Problems), "PASSWORD_NEEDED AD_REFUSED(stamp: 20") {
		t.Errorf("%+v", p)
	}
}

type blindClient struct{ *fake }

func (b blindClient) Search(ctx context.Context, q ldapclient.Query) ([]ldapclient.Entry, error) {
	q.Attributes = slices.DeleteFunc(slices.Clone(q.Attributes), func(a string) bool { return a == "adminDescription" || a == "employeeNumber" })
	return b.fake.Search(ctx, q)
}

func TestPlan(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.password = password(1, "Zimorodok-2021", 1)
	check := func(action, change string) {
		t.Helper()
		calls, before := w.ad.calls, w.state()
		plan, err := w.target.Plan(t.Context(), w.job())
		text := shorts(plan.Changes)
		if err != nil || plan.Action != action || !strings.Contains(text, change) || strings.Contains(text, "Zimorodok") {
			t.Errorf("%+v, %v, want %s", plan, err, action)
		}
		if w.state() != before || w.ad.calls == calls {
			t.Error("a plan writes, or looks at nothing")
		}
	}
	check("create", "sAMAccountName: evann\nplace: "+staff49)
	if w.ad.calls != 2 { // of names: the mark has no index
		t.Errorf("the plan of a new account takes %d searches", w.ad.calls)
	}
	w.settle()
	check("none", "")
	w.trigger(func() { w.password = password(2, "Zimorodok-2022", 1) })
	check("password", "password")
	w.trigger(func() { w.password = nil; w.entry.State = directory.StateSuspended })
	check("disable", "userAccountControl: 66050 (disabled)")
	w.settle()
	w.trigger(func() { w.entry.State = directory.StateActive })
	check("enable", "userAccountControl: 66048 (enabled)")
	w.settle()
	w.trigger(func() { w.entry = entry(teaches("7")) })
	check("change", "place: OU=staff,OU=7,"+base)
	w.trigger(func() { w.entry = entry(teaches("49")); w.entry.Epoch = 2 })
	check("problem", "")
	o := w.ad.put("CN=old,"+old, user("old", "514"))
	w.row.Object, w.row.Stamp = []byte(o.attrs["objectguid"][0]), ""
	check("adopt", "employeeNumber: "+anna.String())
}

// TestPlanOfARefusedPassword: what the directory is known to refuse is not told as
// about to be delivered; another password is.
func TestPlanOfARefusedPassword(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.password = password(1, "Zimorodok-2021", 1)
	w.settle()
	w.ad.weak = func(p string) bool { return p == "weak" }
	w.trigger(func() { w.password = password(2, "weak", 1) })
	check := func(action, problems string, why provision.Why) {
		t.Helper()
		plan, err := w.target.Plan(t.Context(), w.job())
		want := []provision.Change{{What: provision.ChangePassword, Will: "mos.ru", Why: why}}
		if err != nil || plan.Action != action || codes(plan.Problems) != problems || !slices.Equal(plan.Changes, want) {
			t.Errorf("%+v, %v", plan, err)
		}
	}
	check(provision.ActionPassword, "", provision.WhyDelivery) // nobody knows yet
	w.settle()
	check(provision.ActionProblem, "AD_PASSWORD_REFUSED", provision.WhyRefused)
	w.settle() // the refusal is not forgotten by the next pass
	check(provision.ActionProblem, "AD_PASSWORD_REFUSED", provision.WhyRefused)
	w.trigger(func() { w.password = password(3, "Zimorodok-2022", 1) })
	check(provision.ActionPassword, "", provision.WhyDelivery)
	if p := w.settle(); p.Observed.PasswordRefused != nil || !p.Observed.Ready {
		t.Errorf("%+v", p)
	}
}

func TestFindNames(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.ad.put("CN=b,"+domain, user("evann-1", "514", "userprincipalname", "evann@uao.obr.mos.ru", "displayname", "Еванова Нина"))
	w.ad.put("CN=a,"+base, user("Evann", "512"))
	w.ad.put("CN=g,"+base, map[string]string{"objectclass": "group", "samaccountname": "staff"})
	w.ad.put("CN=x,"+base, user("evannx", "512"))
	found, err := w.target.FindNames(t.Context(), []string{"evann", "STAFF", "", "*", "evann", strings.Repeat("x", 300), `a)(b=*`})
	var got []string
	for _, o := range found {
		got = append(got, fmt.Sprintf("%s %s %v", o.Name, o.UPN, o.Enabled))
	}
	if want := []string{"evann-1 evann@uao.obr.mos.ru false", "Evann  true", "staff  false"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if found, err := w.target.FindNames(t.Context(), nil); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	many := make([]string, 25)
	for i := range many {
		many[i] = fmt.Sprintf("n%d", i)
	}
	w.ad.calls = 0
	if _, err := w.target.FindNames(t.Context(), many); err != nil || w.ad.calls != 3 {
		t.Errorf("%d searches, %v", w.ad.calls, err)
	}
}

func TestFindAlike(t *testing.T) {
	w := newWorld(t, plainLayout())
	for i, name := range []string{"ivanovapn", "Ivanova.PN", "ivanova_pn", "ivanovapn1", "ivanovapn-2083", "ivanovap", "xivanovapn", "ivanova.anna", "petrova.a"} {
		w.ad.put(fmt.Sprintf("CN=%d,%s", i, domain), user(name, "512"))
	}
	w.ad.put("CN=teams,"+domain, user("old-77", "512", "userprincipalname", "Ivanova_PN@uao.obr.mos.ru"))
	w.ad.put("CN=other,"+domain, user("old-78", "512", "userprincipalname", "ivanovapnx@uao.obr.mos.ru"))
	objects, err := w.target.FindAlike(t.Context(), []string{"ivanovapn", "", "petrova-a"})
	var got []string
	for _, o := range objects {
		got = append(got, o.Name)
	}
	slices.Sort(got)
	if want := []string{"Ivanova.PN", "ivanova_pn", "ivanovapn", "ivanovapn-2083", "ivanovapn1", "old-77", "petrova.a"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	personal, _ := hexGUID("77b5b886-944a-11d1-aebd-0000f80367c1")
	schema := "CN=Schema," + domain
	define := func(f *fake, name, single, syntax string, more ...string) {
		m := map[string]string{"objectclass": "attributeSchema", "ldapdisplayname": name, "issinglevalued": single, "attributesyntax": syntax}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		f.put("CN="+name+","+schema, m)
	}
	for _, c := range []struct {
		name   string
		change func(*Layout)
		want   []string
	}{
		{name: "as it should be"},
		{name: "bases", change: func(l *Layout) { l.Base, l.AdoptBases = "OU=a,"+domain, []string{"OU=b," + domain} }, want: []string{`"OU=a,`, `"OU=b,`}},
		{name: "by name", change: func(l *Layout) { l.Mark = "msDS-cloudExtensionAttribute1" }, want: []string{"take employeeNumber"}},
		{name: "by name, in other letters", change: func(l *Layout) { l.Stamp = "INFO" }, want: []string{"take adminDescription"}},
		{name: "by property set", change: func(l *Layout) { l.Mark, l.Stamp = "ownNumber", "ownText" }, want: []string{"Personal-Information", "mark attribute", "stamp attribute"}},
		{name: "several values", change: func(l *Layout) { l.Mark = "many" }, want: []string{"several values"}},
		{name: "too short", change: func(l *Layout) { l.Mark = "employeeID" }, want: []string{"16 characters"}},
		{name: "a number", change: func(l *Layout) { l.Mark = "number" }, want: []string{"no text"}},
		{name: "computed", change: func(l *Layout) { l.Stamp = "computed" }, want: []string{"computes"}},
		{name: "unknown", change: func(l *Layout) { l.Stamp = "nothing" }, want: []string{"no such attribute"}},
		{name: "birth dates", change: func(l *Layout) { l.Birth = "number" }},
		{name: "birth dates of one's own", change: func(l *Layout) { l.Birth = "ownText" }, want: []string{"birth date attribute ownText", "Personal-Information"}},
		{name: "birth dates of one's own, by name", change: func(l *Layout) { l.Birth = "info" }, want: []string{"birth date attribute info", "of itself"}},
		{name: "unknown birth dates", change: func(l *Layout) { l.Birth = "nothing" }, want: []string{"no such attribute"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := plainLayout()
			if c.change != nil {
				c.change(&l)
			}
			f := newFake(domain, base, old, schema)
			f.root = &thing{attrs: map[string][]string{"schemanamingcontext": {schema}}}
			define(f, "employeeNumber", "TRUE", "2.5.5.12", "rangeupper", "512")
			define(f, "adminDescription", "TRUE", "2.5.5.12", "rangeupper", "1024", "systemflags", "16")
			define(f, "employeeID", "TRUE", "2.5.5.12", "rangeupper", "16")
			define(f, "ownNumber", "TRUE", "2.5.5.12", "attributesecurityguid", personal)
			define(f, "ownText", "TRUE", "2.5.5.12", "attributesecurityguid", personal)
			define(f, "many", "FALSE", "2.5.5.12")
			define(f, "number", "TRUE", "2.5.5.9")
			define(f, "computed", "TRUE", "2.5.5.12", "systemflags", "20")
			target, err := New(f, Options{Layout: l})
			if err != nil {
				t.Fatal(err)
			}
			err = target.Check(t.Context())
			if (err != nil) != (len(c.want) > 0) {
				t.Fatal(err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in: %v", part, err)
				}
			}
		})
	}
	w := newWorld(t, plainLayout())
	if err := w.target.Check(t.Context()); err == nil {
		t.Error("a directory without a root DSE")
	}
	w.ad.before = func(int, string) error { return errLost }
	if err := w.target.Check(t.Context()); !errors.Is(err, identity.ErrUnreachable) {
		t.Error(err)
	}
}

// hexGUID gives the bytes of a GUID as Active Directory keeps them.
func hexGUID(s string) (string, error) {
	var b [16]byte
	h := strings.ReplaceAll(s, "-", "")
	for i := range b {
		if _, err := fmt.Sscanf(h[2*i:2*i+2], "%02x", &b[i]); err != nil {
			return "", err
		}
	}
	for _, swap := range [][2]int{{0, 3}, {1, 2}, {4, 5}, {6, 7}} {
		b[swap[0]], b[swap[1]] = b[swap[1]], b[swap[0]]
	}
	return string(b[:]), nil
}
