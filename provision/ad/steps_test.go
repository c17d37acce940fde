package ad

import (
	"strings"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/provision"
)

// scenarios are the ways of an account, each from a world to what is asked.
var scenarios = []struct {
	name   string
	layout func(*Layout)
	begin  func(*world)
	state  []string // must be in the end state
	ready  bool
}{
	{
		name:  "create",
		begin: func(w *world) { w.password = password(1, "Zimorodok-2021", 1) },
		state: []string{
			"CN=evann," + staff49 + " password=Zimorodok-2021", "userprincipalname=evann@uao.obr.mos.ru", "displayname=Еванова Нина Николаевна",
			"useraccountcontrol=66048", "employeenumber=" + anna.String(), "member=CN=evann," + staff49,
		},
		ready: true,
	},
	{
		name:  "create without a password",
		begin: func(*world) {},
		state: []string{"CN=evann," + staff49 + " password=(random)"},
	},
	{
		name:  "create with a refused password",
		begin: func(w *world) { w.password = password(1, "weak", 1) },
		state: []string{"CN=evann," + staff49 + " password=(random)"},
	},
	{
		name: "adopt a disabled one, with a namesake in the way and foreign text in the stamp",
		begin: func(w *world) {
			o := w.ad.put("CN=Еванова Н,"+old, user("EvanN", "514", "userprincipalname", "nina@sao.obr.mos.ru", "admindescription", "учитель физики"))
			w.ad.put("OU=49,"+base, map[string]string{"objectclass": "organizationalUnit"})
			w.ad.put(staff49, map[string]string{"objectclass": "organizationalUnit"})
			w.ad.put("CN=Еванова Н,"+staff49, user("evanova", "512"))
			w.row.Object = []byte(o.attrs["objectguid"][0])
			w.password = password(1, "Zimorodok-2021", 1)
		},
		state: []string{"CN=EvanN," + staff49 + " password=Zimorodok-2021", "userprincipalname=nina@sao.obr.mos.ru", "useraccountcontrol=66048", "samaccountname=EvanN"},
		ready: true,
	},
	{
		name:   "adopt without a password and scramble the old one",
		layout: func(l *Layout) { l.Stale = StaleScramble },
		begin: func(w *world) {
			o := w.ad.put("CN=evann,"+old, user("evann", "512"))
			o.password = "Staraya-2010"
			w.row.Object = []byte(o.attrs["objectguid"][0])
		},
		state: []string{"CN=evann," + staff49 + " password=(random)"},
	},
	{
		name: "new password, another school, back from suspension",
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.trigger(func() { w.entry.State = directory.StateSuspended })
			w.settle()
			w.trigger(func() {
				w.ad.noSuperior = 80 // as Samba says it
				w.entry = entry(learns("49"), teaches("7"))
				w.entry.Epoch, w.password = 2, password(2, "Zimorodok-2022", 2)
			})
		},
		state: []string{"CN=evann,OU=staff,OU=7," + base + " password=Zimorodok-2022", "userprincipalname=evann@uao.obr.mos.ru",
			"useraccountcontrol=66048", "CN=pupil-49,OU=groups," + base, "CN=staff-7,OU=groups," + base},
		ready: true,
	},
	{
		name: "renamed, with another surname",
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.trigger(func() { w.row.Name, w.row.Rename, w.entry.Last = "golub", true, "Голубева" })
		},
		state: []string{"CN=golub,", "samaccountname=golub", "userprincipalname=evann@uao.obr.mos.ru", "sn=Голубева", "member=CN=golub,"},
		ready: true,
	},
	{
		name:   "an event without the password",
		layout: func(l *Layout) { l.Stale = StaleScramble },
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.trigger(func() { w.entry = entry(teaches("49")); w.entry.Epoch = 2 })
		},
		state: []string{"CN=evann," + staff49 + " password=(random)"},
	},
	{
		name: "leaver",
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.trigger(func() {
				w.entry = entry(teaches("49"))
				w.entry.Affiliations[0].Closed = true
			})
		},
		state: []string{"CN=evann," + staff49 + " password=Zimorodok-2021", "useraccountcontrol=66050"},
		ready: true,
	},
	{
		name: "account removed",
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.trigger(func() { w.entry = nil })
		},
		state: []string{"useraccountcontrol=66050"},
		ready: true,
	},
	{
		name: "lost by the directory",
		begin: func(w *world) {
			w.password = password(1, "Zimorodok-2021", 1)
			w.settle()
			w.ad.objects = slicesWithout(w.ad.objects, w.account("evann"))
			w.trigger(func() { w.password = password(2, "Zimorodok-2022", 1) })
		},
		state: []string{"CN=evann," + staff49 + " password=Zimorodok-2022"},
		ready: true,
	},
}

func slicesWithout(list []*thing, out *thing) []*thing {
	var kept []*thing
	for _, o := range list {
		if o != out {
			kept = append(kept, o)
		}
		for i, m := range o.attrs["member"] {
			if m == out.dn {
				o.attrs["member"] = append(o.attrs["member"][:i], o.attrs["member"][i+1:]...)
				break
			}
		}
	}
	return kept
}

// start gives a world at the beginning of a scenario.
func start(t testing.TB, n int) *world {
	t.Helper()
	s := scenarios[n]
	l := plainLayout()
	if s.layout != nil {
		s.layout(&l)
	}
	w := newWorld(t, l)
	w.ad.weak = func(p string) bool { return p == "weak" }
	s.begin(w)
	w.ad.calls = 0
	return w
}

// TestScenarios: undisturbed, every way ends where it should, and a further
// pass writes nothing.
func TestScenarios(t *testing.T) {
	for n, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			w := start(t, n)
			p := w.settle()
			for _, part := range s.state {
				if !strings.Contains(w.state(), part) {
					t.Errorf("no %q in\n%s", part, w.state())
				}
			}
			if p.Observed.Ready != s.ready || w.owned() != 1 {
				t.Errorf("ready %v, problems %s, %d objects", p.Observed.Ready, codes(p.Observed.Problems), w.owned())
			}
			again := w.settle()
			if again.Wrote != 0 || again.Again {
				t.Errorf("a pass with nothing to do: %+v", again)
			}
			plan, err := w.target.Plan(t.Context(), w.job())
			if waits := w.password != nil; err != nil || len(plan.Changes) != 0 && !waits {
				t.Errorf("plan: %+v, %v", plan, err)
			}
		})
	}
}

// TestEveryStepCanFail walks all requests of every way: one is not sent, or its
// reply is lost, and what the worker comes to is the same.
func TestEveryStepCanFail(t *testing.T) {
	for n, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			calm := start(t, n)
			calm.settle()
			want, steps := calm.state(), calm.ad.calls
			if steps < 2 {
				t.Fatalf("only %d requests", steps)
			}
			for at := 1; at <= steps; at++ {
				for _, lost := range []bool{false, true} {
					w := start(t, n)
					fault := func(n int, _ string) error {
						if n == at {
							return errLost
						}
						return nil
					}
					if lost {
						w.ad.after = fault
					} else {
						w.ad.before = fault
					}
					p := w.settle()
					if w.errors != 1 {
						t.Fatalf("step %d, lost %v: %d errors", at, lost, w.errors)
					}
					if got := w.state(); got != want || w.owned() != 1 || p.Observed.Ready != s.ready {
						t.Errorf("step %d, reply lost %v: %d objects, ready %v %s\n%s\nwant\n%s",
							at, lost, w.owned(), p.Observed.Ready, codes(p.Observed.Problems), got, want)
					}
				}
			}
		})
	}
}

// newer is what is asked for while an old pass sleeps.
func newer(w *world) {
	w.entry = entry(teaches("1050")) // of the same district: a UPN stays as it was made
	w.entry.Epoch, w.password = 9, password(9, "Novaya-2024", 9)
}

// TestSleeperWritesNothing stops an old pass ahead of every request of every
// way, lets a newer one do all its work, and wakes the old one up.
func TestSleeperWritesNothing(t *testing.T) {
	for n, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			calm := start(t, n)
			calm.trigger(func() { newer(calm) })
			calm.settle()
			want := calm.state()
			for at := 1; ; at++ {
				w := start(t, n)
				woken, slept := "", false
				w.ad.before = func(n int, _ string) error {
					if n != at || slept {
						return nil
					}
					slept = true
					w.trigger(func() { newer(w) })
					if p := w.settle(); !p.Observed.Ready {
						t.Errorf("step %d: the newer pass: %s", at, codes(p.Observed.Problems))
					}
					woken = w.account(w.row.Observed.Name).password
					return nil
				}
				job := w.job()
				pass, err := w.target.Bring(t.Context(), job)
				if err != nil {
					t.Fatal(err)
				}
				if !slept {
					return // all steps of the pass are done
				}
				if woken != "Novaya-2024" {
					t.Fatalf("step %d: the newer pass left the password %q", at, woken)
				}
				checkSleeper(t, at, w, job, pass)
				if got, want := stripEmpty(w.state()), stripEmpty(want); got != want {
					t.Errorf("step %d: got\n%s\nwant\n%s", at, got, want)
				}
			}
		})
	}
}

func checkSleeper(t *testing.T, at int, w *world, job provision.Job, pass provision.Pass) {
	t.Helper()
	if w.save(job.Row.Revision, pass) == nil {
		t.Errorf("step %d: the store took the old pass", at)
	}
	for _, o := range w.ad.objects {
		if strings.EqualFold(strings.Join(o.attrs["samaccountname"], ""), "evann") && o.password != "Novaya-2024" {
			t.Errorf("step %d: the sleeper set the password %q", at, o.password)
		}
	}
	w.settle() // whoever is refused makes the pass anew
	if w.owned() != 1 {
		t.Errorf("step %d: %d objects", at, w.owned())
	}
}

// stripEmpty leaves out OUs and groups without members, which an old pass may
// leave behind.
func stripEmpty(state string) string {
	var kept []string
	for line := range strings.Lines(state) {
		if strings.Contains(line, "objectclass=organizationalUnit") || strings.Contains(line, "grouptype=") && !strings.Contains(line, " member=") {
			continue
		}
		kept = append(kept, strings.TrimSpace(line))
	}
	return strings.Join(kept, "\n")
}
