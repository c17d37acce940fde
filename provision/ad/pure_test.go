package ad

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

func mustLayout(t testing.TB, change func(*Layout)) layout {
	t.Helper()
	o := plainLayout()
	if change != nil {
		change(&o)
	}
	l, err := newLayout(o, moscow)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWant(t *testing.T) {
	long := person.SchoolID("ГБОУ Школа имени " + strings.Repeat("очень ", 20) + "известного человека")
	ended := teaches("49")
	ended.To = date(t, "2024-09-01")
	tomorrow := teaches("49")
	tomorrow.From = date(t, "2024-09-03")
	parent := directory.Affiliation{Role: person.RoleParent, School: "49"}
	for _, c := range []struct {
		name     string
		change   func(*provision.Job, *Layout)
		enabled  bool
		parent   string
		upn      string
		groups   string
		problems string
	}{
		{name: "teacher", enabled: true, parent: staff49, upn: "evann@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "pupil first in the entry, staff first in the account",
			change:  func(j *provision.Job, _ *Layout) { j.Entry = entry(learns("49"), teaches("7")) },
			enabled: true, parent: "OU=staff,OU=7," + base, upn: "evann@sao.obr.mos.ru",
			groups: "CN=staff-7,OU=groups," + base + " CN=pupil-49,OU=groups," + base},
		{name: "two schools, in the entry's order",
			change:  func(j *provision.Job, _ *Layout) { j.Entry = entry(teaches("7"), teaches("49"), teaches("7")) },
			enabled: true, parent: "OU=staff,OU=7," + base, upn: "evann@sao.obr.mos.ru",
			groups: "CN=staff-7,OU=groups," + base + " CN=staff-49,OU=groups," + base},
		{name: "left yesterday", change: func(j *provision.Job, _ *Layout) { j.Entry = entry(ended) }},
		{name: "last day is today", change: func(j *provision.Job, _ *Layout) {
			j.Entry, j.Now = entry(ended), noon.AddDate(0, 0, -1)
		}, enabled: true, parent: staff49, upn: "evann@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "a day begins in the zone", change: func(j *provision.Job, _ *Layout) {
			j.Entry, j.Now = entry(tomorrow), time.Date(2024, 9, 2, 21, 0, 0, 0, time.UTC)
		}, enabled: true, parent: staff49, upn: "evann@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "not yet", change: func(j *provision.Job, _ *Layout) {
			j.Entry, j.Now = entry(tomorrow), time.Date(2024, 9, 2, 20, 59, 0, 0, time.UTC)
		}},
		{name: "parent only", change: func(j *provision.Job, _ *Layout) { j.Entry = entry(parent) }},
		{name: "suspended", change: func(j *provision.Job, _ *Layout) { j.Entry.State = directory.StateSuspended },
			parent: staff49, upn: "evann@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "removed", change: func(j *provision.Job, _ *Layout) { j.Entry = nil }},
		{name: "a district that nobody knows", change: func(j *provision.Job, _ *Layout) { j.Entry = entry(teaches("far")) },
			enabled: true, parent: "OU=staff,OU=far," + base, groups: "CN=staff-far,OU=groups," + base},
		{name: "a district that nobody knows, needed for the place", change: func(j *provision.Job, l *Layout) {
			j.Entry, l.OU, l.Groups = entry(teaches("far")), "OU={district}", []string{"CN=all", "CN={district}"}
		}, enabled: true, groups: "CN=all," + base, problems: "AD_PLACE_UNKNOWN(far)"},
		{name: "a school's name that tries to be a DN", change: func(j *provision.Job, l *Layout) {
			j.Entry, l.Groups = entry(teaches(`x,OU=Domain Controllers+"<>;\#`)), nil
		}, enabled: true, parent: `OU=staff,OU=x\,OU=Domain Controllers\+\"\<\>\;\\#,` + base},
		{name: "a school's name of any length", change: func(j *provision.Job, l *Layout) {
			j.Entry, l.Groups = entry(teaches(long)), nil
		}, enabled: true, parent: "OU=staff,OU=ГБОУ Школа имени " + strings.Repeat("очень ", 6) + "оч-e6f3b670," + base},
		{name: "no name", change: func(j *provision.Job, _ *Layout) { j.Row.Name = "" },
			enabled: true, parent: staff49, upn: "evann@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "a login longer than a name may be", change: func(j *provision.Job, _ *Layout) {
			j.Entry.Login = "konstantinopolskaya-anastasia"
		}, enabled: true, parent: staff49, upn: "konstantinopolskaya-anastasia@uao.obr.mos.ru", groups: "CN=staff-49,OU=groups," + base},
		{name: "everybody in one place", change: func(_ *provision.Job, l *Layout) { l.OU, l.Groups, l.UPNSuffix = "", nil, "school.example" },
			enabled: true, parent: base, upn: "evann@school.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := provision.Job{Person: anna, Entry: entry(teaches("49")), Schools: schools, Row: provision.Row{Name: "Evann"}, Now: noon}
			l := mustLayout(t, func(o *Layout) {
				if c.change != nil {
					c.change(&job, o)
				}
			})
			w, problems := want(job, l)
			if w.Enabled != c.enabled || w.Parent != c.parent || w.UPN != c.upn || strings.Join(w.Groups, " ") != c.groups || codes(problems) != c.problems {
				t.Errorf("got %+v, %s", w, codes(problems))
			}
		})
	}
}

func TestWantNames(t *testing.T) {
	e := entry(teaches("49"))
	e.Last, e.First, e.Middle = strings.Repeat("ы", 70)+"😀", " Нина\x00\n\u200b ", ""
	for _, text := range texts(e) {
		if text.attribute == "sn" && text.value != strings.Repeat("ы", 64) || text.attribute == "givenName" && text.value != "Нина" ||
			text.attribute == "displayName" && text.value != strings.Repeat("ы", 70)+"😀 Нина" {
			t.Errorf("%s: %q", text.attribute, text.value)
		}
	}
	if got := texts(&directory.Entry{}); len(got) != 0 {
		t.Errorf("nobody's name: %v", got)
	}
	for name, usable := range map[string]bool{
		"evann": true, "a": true, strings.Repeat("a", 20): true, strings.Repeat("a", 21): false, "evann.": false, ".evann": false,
		"еванн": false, "eva nn": false, "evann@mos": false, "eva_nn": false, "": false, "CN=x": false, "a*": false,
	} {
		w, problems := want(provision.Job{Entry: entry(), Row: provision.Row{Name: name}, Now: noon}, mustLayout(t, nil))
		if (w.Name != "") != usable || len(problems) != 0 {
			t.Errorf("%q: %q, %v", name, w.Name, problems)
		}
	}
	for login, ok := range map[string]bool{"evann": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "": false} {
		got, p := upn(login, values{district: "uao"}, mustLayout(t, nil), "49")
		if (got != "") != ok || (p.Code == "") != ok {
			t.Errorf("UPN of %q: %q, %v", login, got, p)
		}
	}
}

func TestDistricts(t *testing.T) {
	l := mustLayout(t, nil)
	for name, word := range map[string]string{"ЦАО": "cao", " цао ": "cao", "ЗелАО": "zelao", "ТИНАО": "tinao", "ЮВАО": "uvao", "": "", "Марс": ""} {
		if got := l.values(person.RoleStaff, "1", map[person.SchoolID]person.School{"1": {District: name}}).district; got != word {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestControl(t *testing.T) {
	for _, c := range []struct {
		now             uint32
		enabled, expire bool
		want            uint32
	}{
		{512, true, false, 66048},
		{512, true, true, 512},
		{514, true, true, 512},
		{514, true, false, 66048},
		{512, false, false, 514},
		{66048, false, false, 66050},
		{66050, true, true, 66048},                   // never taken away
		{0x40000 | 0x20 | 514, true, true, 0x40200},  // smart card: not ours; an empty password: never
		{0x40000 | 0x20 | 512, false, true, 0x40202}, //
		{512 | uacLockout | uacPasswordExpired, true, true, 512},
	} {
		if got := control(c.now, c.enabled, c.expire); got != c.want {
			t.Errorf("%+v: %#x", c, got)
		}
		if again := control(c.want, c.enabled, c.expire); again != c.want {
			t.Errorf("%+v: a second time %#x", c, again)
		}
	}
}

func seen(change func(*object)) object {
	o := object{
		DN: "CN=evann," + staff49, Name: "evann", UPN: "evann@uao.obr.mos.ru", Mark: anna.String(), Stamp: stampPrefix + "1", Control: 66048,
		Texts:  map[string]string{"sn": "Еванова", "givenName": "Нина", "displayName": "Еванова Нина Николаевна"},
		Groups: []string{"cn=STAFF-49,ou=groups," + base, "CN=choir,OU=groups," + base, "CN=staff-49,OU=groups," + old, "CN=Domain Users,CN=Users," + domain},
	}
	if change != nil {
		change(&o)
	}
	return o
}

// short is a change without its reason.
func short(c provision.Change) string {
	if c.Will == "" {
		return c.What + ": not " + c.Is
	}
	return c.What + ": " + c.Will
}

func shorts(list []provision.Change) string {
	var lines []string
	for _, c := range list {
		lines = append(lines, short(c))
	}
	return strings.Join(lines, "\n")
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*object, *wanted)
		changes string
	}{
		{name: "as it should be"},
		{name: "in other letters", change: func(o *object, _ *wanted) { o.DN = strings.ToLower(o.DN); o.Mark = strings.ToUpper(o.Mark) }},
		{name: "locked out", change: func(o *object, _ *wanted) { o.Control |= uacLockout }},
		{name: "UPN of a former school", change: func(o *object, w *wanted) { o.UPN = "old@sao.obr.mos.ru" }},
		{name: "no UPN", change: func(o *object, w *wanted) { o.UPN = "" }, changes: "userPrincipalName: evann@uao.obr.mos.ru"},
		{name: "no UPN to be had", change: func(o *object, w *wanted) { o.UPN, w.UPN = "", "" }},
		{name: "disabled", change: func(o *object, _ *wanted) { o.Control = 66050 }, changes: "userAccountControl: 66048 (enabled)"},
		{name: "to be disabled", change: func(_ *object, w *wanted) { w.Enabled = false }, changes: "userAccountControl: 66050 (disabled)"},
		{name: "married", change: func(_ *object, w *wanted) { w.Texts[0].value = "Синицына" }, changes: "sn: Синицына"},
		{name: "to be adopted", change: func(o *object, _ *wanted) { o.Mark, o.Stamp = "", "" }, changes: "employeeNumber: " + anna.String()},
		{name: "the stamp is gone", change: func(o *object, _ *wanted) { o.Stamp = "" }, changes: "adminDescription: schoolbridge:…"},
		{name: "moved by hand", change: func(o *object, _ *wanted) { o.DN = "CN=evann," + base }, changes: "place: " + staff49},
		{name: "a DN inside a value is none", change: func(o *object, _ *wanted) { o.DN = `CN=evann\,` + staff49 }, changes: "place: " + staff49},
		{name: "place not known", change: func(_ *object, w *wanted) { w.Parent = "" }},
		{name: "another school's groups",
			change:  func(_ *object, w *wanted) { w.Groups = []string{"CN=staff-7,OU=groups," + base} },
			changes: "group: CN=staff-7,OU=groups," + base + " / group: not cn=STAFF-49,ou=groups," + base},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := mustLayout(t, nil)
			w, _ := want(provision.Job{Entry: entry(teaches("49")), Schools: schools, Row: provision.Row{Name: "evann"}, Now: noon}, l)
			o := seen(nil)
			if c.change != nil {
				c.change(&o, &w)
			}
			var got []string
			job := provision.Job{Person: anna, Entry: entry()}
			for _, change := range compare(w, o, job, l) {
				got = append(got, short(change.plain()))
			}
			if strings.Join(got, " / ") != c.changes {
				t.Errorf("got %s", strings.Join(got, " / "))
			}
		})
	}
}

func TestGuard(t *testing.T) {
	ours := provision.Row{Stamp: stampPrefix + "1"}
	for _, c := range []struct {
		name   string
		row    provision.Row
		change func(*object)
		want   string
	}{
		{"ours", ours, nil, ""},
		{"in an adopt base", ours, func(o *object) { o.DN = "CN=evann,OU=x," + old }, ""},
		{"outside", ours, func(o *object) { o.DN = "CN=evann,CN=Users," + domain }, "AD_PROTECTED(evann)"},
		{"beside the base", ours, func(o *object) { o.DN = "CN=evann,OU=Schools2," + domain }, "AD_PROTECTED(evann)"},
		{"guarded", ours, func(o *object) { o.Guarded = true }, "AD_PROTECTED(evann)"},
		{"guarded and about to be adopted", provision.Row{}, func(o *object) { o.Guarded, o.Mark = true, "" }, "AD_PROTECTED(evann)"},
		{"mark of another", ours, func(o *object) { o.Mark = identity.PersonID{2}.String() }, "OWNER_MARK_CHANGED"},
		{"mark taken away", ours, func(o *object) { o.Mark = "" }, "OWNER_MARK_CHANGED"},
		{"to be adopted", provision.Row{}, func(o *object) { o.Mark = "" }, ""},
		{"to be adopted, with a text where the stamp goes", provision.Row{Stamp: "учитель"}, func(o *object) { o.Mark = "" }, ""},
		{"to be adopted, and another's", provision.Row{}, func(o *object) { o.Mark = identity.PersonID{2}.String() }, "AD_NAME_TAKEN"},
		{"to be adopted, and numbered by somebody", provision.Row{}, func(o *object) { o.Mark = "4711" }, "AD_NAME_TAKEN"},
		{"claimed before", provision.Row{}, nil, ""},
	} {
		p, stop := guard(provision.Job{Person: anna, Row: c.row}, seen(c.change), mustLayout(t, nil))
		if stop != (c.want != "") || stop && p.String() != c.want {
			t.Errorf("%s: %v %s", c.name, stop, p)
		}
	}
}

func TestSee(t *testing.T) {
	l := mustLayout(t, nil)
	f := newFake(domain)
	for _, c := range []struct {
		name    string
		attrs   map[string]string
		guarded bool
	}{
		{"a person", user("a", "512"), false},
		{"a person who was an administrator", user("a", "512", "admincount", "0"), false},
		{"an administrator", user("a", "512", "admincount", "1"), true},
		{"a service", user("a", "512", "serviceprincipalname", "http/a"), true},
		{"the system's", user("a", "512", "iscriticalsystemobject", "TRUE"), true},
		{"a computer", user("a", "4096", "objectclass", "top|person|user|computer"), true},
		{"a computer that says it is a person", user("a", "512", "objectclass", "top|user|Computer"), true},
		{"a person that says it is a computer", user("a", "4096"), true},
		{"a trust", user("a", "2560"), true},
		{"a managed service", user("a", "512", "objectclass", "top|user|msDS-GroupManagedServiceAccount"), true},
		{"a group", map[string]string{"objectclass": "top|group", "samaccountname": "a"}, true},
		{"a contact", map[string]string{"objectclass": "top|contact"}, true},
		{"no number", user("a", "x"), true},
		{"a number too large", user("a", "99999999999"), true},
		{"a negative number", user("a", "-2147483136"), false},
	} {
		o, err := l.see(f.entry(f.put("CN=a,"+domain, c.attrs), l.attributes()))
		if err != nil || o.Guarded != c.guarded {
			t.Errorf("%s: guarded %v, %v", c.name, o.Guarded, err)
		}
	}
	if _, err := l.see(ldapclient.Entry{Attributes: map[string][][]byte{"objectguid": {[]byte("short")}}}); err == nil {
		t.Error("an object without an id")
	}
}

func TestChoose(t *testing.T) {
	const epoch = 5
	fresh := known{epoch, []byte{1}}
	others := func(j *provision.Job) { j.Row.OthersBefore = epoch }
	for _, c := range []struct {
		name     string
		change   func(*provision.Job)
		k        known
		disabled bool
		keep     secret
		said     string
		scramble secret // with that policy
		saidThen string
	}{
		{name: "delivered", k: fresh},
		{name: "never delivered", keep: leaveIt, said: "PASSWORD_NEEDED", saidThen: "PASSWORD_NEEDED"},
		{name: "changed since", k: known{4, []byte{1}}, said: "AD_PASSWORD_STALE", scramble: scramble, saidThen: "PASSWORD_NEEDED"},
		{name: "adopted with one of its own", change: func(j *provision.Job) { j.Row.Stamp = "" }, said: "PASSWORD_NEEDED", scramble: scramble, saidThen: "PASSWORD_NEEDED"},
		{name: "waits", change: func(j *provision.Job) { j.Password = password(2, "b", epoch) }, k: fresh, keep: deliver, scramble: deliver},
		{name: "waits and is there", change: func(j *provision.Job) { j.Password = password(1, "b", epoch) }, k: fresh, keep: haveIt, scramble: haveIt},
		{name: "waits and was replaced by hand", change: func(j *provision.Job) { j.Password = password(1, "b", epoch) }, keep: deliver, scramble: deliver},
		{name: "waits, without a tag", change: func(j *provision.Job) { j.Password = password(1, "b", epoch); j.Password.Tag = nil },
			k: known{epoch: epoch}, keep: deliver, scramble: deliver},
		{name: "of an older epoch", change: func(j *provision.Job) { j.Password = password(2, "b", epoch-1) }, k: fresh},
		{name: "dead", change: func(j *provision.Job) { j.Password = password(2, "b", epoch); j.Password.Until = noon }, said: "PASSWORD_NEEDED", saidThen: "PASSWORD_NEEDED"},
		{name: "of a disabled account", k: known{4, []byte{1}}, disabled: true},
		{name: "waits, of a disabled account", change: func(j *provision.Job) { j.Password = password(2, "b", epoch) }, k: known{4, []byte{1}}, disabled: true, keep: deliver, scramble: deliver},
		{name: "waits and is there, of a disabled account", change: func(j *provision.Job) { j.Password = password(1, "b", epoch) }, k: fresh, disabled: true, keep: haveIt, scramble: haveIt},
		{name: "of a removed account", change: func(j *provision.Job) { j.Password, j.Entry = password(2, "b", epoch), nil }, disabled: true},
		{name: "that no directory can hold", change: func(j *provision.Job) { j.Password = password(2, "\xff", epoch) }, k: known{4, nil},
			said: "AD_PASSWORD_REFUSED", scramble: scramble, saidThen: "AD_PASSWORD_REFUSED"},
		{name: "of another city account", change: others, k: known{4, []byte{1}}, keep: scramble, said: "PASSWORD_NEEDED", scramble: scramble, saidThen: "PASSWORD_NEEDED"},
		{name: "of nobody knows whom, before another city account", change: others, keep: scramble, said: "PASSWORD_NEEDED", scramble: scramble, saidThen: "PASSWORD_NEEDED"},
		{name: "of the city account of now", change: others, k: fresh},
		{name: "by hand, after one of the city account of now", change: func(j *provision.Job) { others(j); j.Row.Observed.Replaced = epoch }, said: "PASSWORD_NEEDED", saidThen: "PASSWORD_NEEDED"},
		{name: "waits, of the city account of now", change: func(j *provision.Job) { others(j); j.Password = password(2, "b", epoch) }, k: known{4, []byte{1}}, keep: deliver, scramble: deliver},
		{name: "of another city account, disabled", change: others, k: known{4, []byte{1}}, disabled: true},
	} {
		job := provision.Job{Entry: entry(teaches("49")), Row: provision.Row{Stamp: stampPrefix}, Now: noon}
		job.Entry.Epoch = epoch
		if c.change != nil {
			c.change(&job)
		}
		w := wanted{Enabled: !c.disabled}
		if s, said := choose(job, w, c.k, mustLayout(t, nil)); s != c.keep || codes(said) != c.said {
			t.Errorf("%s: %d %s", c.name, s, codes(said))
		}
		if s, said := choose(job, w, c.k, mustLayout(t, func(l *Layout) { l.Stale = StaleScramble })); s != c.scramble || codes(said) != c.saidThen {
			t.Errorf("%s, scrambling: %d %s", c.name, s, codes(said))
		}
	}
}

func TestRemembered(t *testing.T) {
	before := provision.Observed{PasswordSet: "7", PasswordEpoch: 3, PasswordTag: []byte{1}}
	if k := remembered(before, object{PasswordSet: "7"}); k.epoch != 3 || string(k.tag) != "\x01" {
		t.Errorf("%+v", k)
	}
	for _, set := range []string{"8", "0", ""} { // set by hand, to be changed at the next sign-in, hidden
		if k := remembered(before, object{PasswordSet: set}); k.epoch != 0 || k.tag != nil {
			t.Errorf("pwdLastSet %q: %+v", set, k)
		}
	}
}

// TestForesee: whatever takes an account of ours elsewhere is foreseen, another base
// in the configuration too; one that is about to be adopted is not held.
func TestForesee(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	if d := w.target.Foresee(w.job()); d != (provision.Drastic{}) {
		t.Errorf("in place: %v", d)
	}
	l := plainLayout()
	l.Base, l.AdoptBases = "OU=New,"+domain, []string{base}
	moved, err := New(w.ad, Options{Layout: l})
	if err != nil {
		t.Fatal(err)
	}
	if d := moved.Foresee(w.job()); d != (provision.Drastic{provision.Move: true}) {
		t.Errorf("another base: %v", d)
	}
	w.row.Stamp = ""
	if d := moved.Foresee(w.job()); d != (provision.Drastic{}) {
		t.Errorf("about to be adopted: %v", d)
	}
}

// TestWeaker: after each refusal less is asked for, until nothing is left, and
// enabling or disabling is the last to go.
func TestWeaker(t *testing.T) {
	all := []change{{kind: setControl, attribute: "userAccountControl", value: "514"}, {kind: setMark, attribute: "employeeNumber", value: "a"}, {kind: setUPN, attribute: "userPrincipalName", value: "u"}, {kind: setText, attribute: "sn", value: "S"},
		{kind: move, value: staff49}, {kind: join, value: "g"}}
	renamed := []change{{kind: setName, attribute: "sAMAccountName", value: "n"}, {kind: setCN, attribute: "cn", value: "n"}}
	policy, other := result(53, ldapclient.InfoPassword), result(50, 5)
	for _, c := range []struct {
		name     string
		m        modification
		err      error
		fallback secret
		left     string // kinds, as numbers
		secret   secret
		problem  string
	}{
		{"the password's policy", modification{all, deliver}, policy, leaveIt, "123467", leaveIt, "AD_PASSWORD_REFUSED"},
		{"the password's policy, old one to be scrambled", modification{all, deliver}, result(19, ldapclient.InfoPassword), scramble, "123467", scramble, "AD_PASSWORD_REFUSED"},
		{"even a random one", modification{all, scramble}, policy, leaveIt, "123467", leaveIt, "AD_REFUSED(unicodePwd: 53 0000052D)"},
		{"enabling without any", modification{all, leaveIt}, policy, leaveIt, "23467", leaveIt, "PASSWORD_NEEDED"},
		{"the UPN", modification{all, deliver}, result(19, 0x21C8), leaveIt, "12467", deliver, "AD_REFUSED(userPrincipalName: 19 000021C8)"},
		{"names", modification{all, deliver}, other, leaveIt, "1267", deliver, "AD_REFUSED(names: 50 00000005)"},
		{"the name", modification{append(slices.Clone(all), renamed...), deliver}, result(68, 0x2071), leaveIt, "123467", deliver, "AD_NAME_TAKEN"},
		{"not the name", modification{append(slices.Clone(all), renamed...), deliver}, other, leaveIt, "1267911", deliver, "AD_REFUSED(names: 50 00000005)"},
		{"the name alone", modification{renamed, leaveIt}, other, leaveIt, "", leaveIt, "AD_REFUSED(sAMAccountName: 50 00000005)"},
		{"the password", modification{all[:2], deliver}, other, leaveIt, "12", leaveIt, "AD_REFUSED(unicodePwd: 50 00000005)"},
		{"all", modification{all[:2], leaveIt}, other, leaveIt, "", leaveIt, "AD_REFUSED(account: 50 00000005)"},
		{"a move alone", modification{all[4:], leaveIt}, other, leaveIt, "", leaveIt, "AD_REFUSED(account: 50 00000005)"},
	} {
		next, dropped, p := weaker(c.m, c.err, c.fallback)
		left := ""
		for _, change := range next.changes {
			left += strconv.Itoa(int(change.kind))
		}
		for _, d := range dropped {
			if next.has(d) {
				t.Errorf("%s: %d was dropped and is there", c.name, d)
			}
		}
		if next.secret != c.secret || p.String() != c.problem || len(next.changes) == len(c.m.changes) && next.secret == c.m.secret {
			t.Errorf("%s: %+v %s", c.name, next, p)
		}
		if left != c.left {
			t.Errorf("%s: left %s", c.name, left)
		}
	}
	for _, err := range []error{policy, other, result(19, 0), result(80, 0)} {
		m := modification{all, deliver}
		for steps := 0; !m.empty(); steps++ {
			if steps > 6 {
				t.Fatalf("%v: no end", err)
			}
			m, _, _ = weaker(m, err, scramble)
		}
	}
}

func TestTemplates(t *testing.T) {
	l := mustLayout(t, func(l *Layout) {
		l.Groups = []string{"CN={role}-{school},OU=groups", "CN=Школа {school} ({role}),OU={district}", "CN=everybody"}
	})
	longName := "Школа имени " + strings.Repeat("ы", 80)
	for _, school := range []string{"49", longName, "a+b=c,d", `"#x`} {
		for _, role := range []string{"staff", "pupil"} {
			for _, g := range l.groups {
				dn, ok := g.expand(values{role: role, school: school, district: "uao"}, base)
				if !ok || !l.knows(dn) || !l.knows(strings.ToUpper(dn)) {
					t.Errorf("%s is not known as ours", dn)
				}
				if rdn, value, _ := splitRDN(splitDN(dn)[0]); rdn != "CN" || units(value) > 64 {
					t.Errorf("%s is too long", dn)
				}
			}
		}
	}
	one, _ := l.groups[0].expand(values{role: "staff", school: longName + "1"}, base)
	other, _ := l.groups[0].expand(values{role: "staff", school: longName + "2"}, base)
	if one == other {
		t.Error("two long names are one group")
	}
	for _, foreign := range []string{
		"CN=choir,OU=groups," + base, "CN=staff-49," + base, "CN=staff-49,OU=x,OU=groups," + base, "CN=staff-49,OU=groups," + old,
		"CN=staff-,OU=groups," + base, "CN=teachers-49,OU=groups," + base, `CN=staff-49\,OU=groups,` + base, "CN=choir-20240901,OU=groups," + base,
		"CN=everybody else," + base, "OU=everybody," + base, base, "", "nonsense", "CN=choir-" + strings.Repeat("x", 45) + "-deadbeef,OU=groups," + base,
	} {
		if l.knows(foreign) {
			t.Errorf("%s is taken for ours", foreign)
		}
	}
}

func TestLayoutFaults(t *testing.T) {
	for _, c := range []struct {
		fault  string
		change func(*Layout)
	}{
		{"base", func(l *Layout) { l.Base = "" }},
		{"base", func(l *Layout) { l.Base = domain }},
		{"base", func(l *Layout) { l.SearchBase = "DC=other" }},
		{"adopt bases", func(l *Layout) { l.AdoptBases = []string{"OU=x,DC=other"} }},
		{"OU", func(l *Layout) { l.OU = "CN={role}" }},
		{"OU", func(l *Layout) { l.OU = "OU={rôle}" }},
		{"OU", func(l *Layout) { l.OU = "OU={role" }},
		{"OU", func(l *Layout) { l.OU = "OU=" }},
		{"OU", func(l *Layout) { l.OU = "{school}" }},
		{"OU", func(l *Layout) { l.OU = "OU=a+CN=b" }},
		{"groups", func(l *Layout) { l.Groups = []string{"OU=x"} }},
		{"groups", func(l *Layout) { l.Groups = []string{"CN=x,CN=y"} }},
		{"groups", func(l *Layout) { l.Groups = []string{""} }},
		{"UPN suffix", func(l *Layout) { l.UPNSuffix = "{school}.obr.mos.ru" }},
		{"UPN suffix", func(l *Layout) { l.UPNSuffix = "@obr.mos.ru" }},
		{"districts", func(l *Layout) { l.Districts = map[string]string{"ЦАО": "цао"} }},
		{"mark attribute", func(l *Layout) { l.Mark = "displayName" }},
		{"mark attribute", func(l *Layout) { l.Mark = "x)(y=*" }},
		{"stamp attribute", func(l *Layout) { l.Stamp = "member" }},
		{"mark and stamp", func(l *Layout) { l.Stamp = "EMPLOYEENUMBER" }},
		{"stale password", func(l *Layout) { l.Stale = "forget" }},
	} {
		o := plainLayout()
		c.change(&o)
		if _, err := newLayout(o, moscow); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o := plainLayout()
	o.Stale, o.Mark, o.OU = "x", "cn", "x"
	if _, err := New(nil, Options{Layout: o}); strings.Count(fmt.Sprint(err), "\n") != 2 {
		t.Errorf("not every fault is told: %v", err)
	}
}

func TestAboutAccount(t *testing.T) {
	for _, code := range []uint16{16, 19, 20, 21, 32, 34, 50, 53, 64, 65, 66, 68, 80} {
		if !aboutAccount(fmt.Errorf("x: %w", result(code, 0))) {
			t.Errorf("%d stops the queue", code)
		}
	}
	for _, err := range []error{errLost, result(3, 0), result(8, 0), result(49, 0), result(51, 0), result(52, 0), result(1, 0x4DC), identity.ErrNotFound, ldapclient.ErrClosed} {
		if aboutAccount(err) {
			t.Errorf("%v is taken for one account's", err)
		}
	}
}

func TestOrderOfProblems(t *testing.T) {
	p := []match.Problem{{Code: match.ADRefused, Arg: "a"}, {Code: match.ADRefused, Arg: "a"}, {Code: match.ADRefused, Arg: "b"}}
	if got := unique(p); !slices.Equal(got, []match.Problem{p[0], p[2]}) {
		t.Error(got)
	}
}

func TestSplit(t *testing.T) {
	for dn, want := range map[string][]string{
		"CN=a,DC=b":            {"CN=a", "DC=b"},
		`CN=a\,b, OU=c\\,DC=d`: {`CN=a\,b`, `OU=c\\`, "DC=d"},
		`CN=a\2Cb,DC=d`:        {`CN=a\2Cb`, "DC=d"},
		"":                     {""},
		`CN=\`:                 {`CN=\`},
	} {
		if got := splitDN(dn); !slices.Equal(got, want) {
			t.Errorf("%s: %q", dn, got)
		}
	}
	for rdn, want := range map[string]string{`CN=a\,b`: "a,b", `CN=a\2Cb\D1\8B`: "a,bы", `CN=a=b`: "a=b", `CN=a\`: "", "CN": "", "=a": "", "CN=a+OU=b": "", `CN=a\+b`: "a+b"} {
		if _, got, ok := splitRDN(rdn); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", rdn, got, ok)
		}
	}
}

// FuzzNames: whatever a registry calls a school, the place is one OU below the
// base, and a group is known again by its name.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"49", `a,OU=b`, " \x00", "#x", `\2C`, strings.Repeat("ы", 99), "{role}", "+", "\xff", "a\u200bb", "😀"} {
		f.Add(s)
	}
	l := mustLayout(f, nil)
	f.Fuzz(func(t *testing.T, school string) {
		v := l.values(person.RoleStaff, person.SchoolID(school), nil)
		place, ok := l.ou.expand(v, l.base)
		if !ok {
			if clean(school) != "" {
				t.Fatalf("%q has no place", school)
			}
			return
		}
		if !ldapclient.Under(place, base) || !ldapclient.SameDN(ldapclient.Parent(ldapclient.Parent(place)), base) {
			t.Fatalf("%q lies at %q", school, place)
		}
		if group, ok := l.groups[0].expand(v, l.base); !ok || !l.knows(group) {
			t.Fatalf("the group %q is not known again", group)
		}
		_, value, ok := splitRDN(splitDN(place)[1])
		if !ok || value != rdnValue(school) || units(value) > rdnMost {
			t.Fatalf("%q became %q", school, value)
		}
	})
}

// TestLeavingGroupsIsForeseen: nobody is taken out of a group in a pass that could not
// be counted before, nor in one that the brake holds; who is switched off leaves all.
func TestLeavingGroupsIsForeseen(t *testing.T) {
	w := newWorld(t, plainLayout())
	w.settle()
	in := func(want ...string) {
		t.Helper()
		if got := w.row.Observed.Groups; len(got) != len(want) {
			t.Fatalf("in %q, want %q", got, want)
		}
		for i, name := range want {
			if got := w.row.Observed.Groups[i]; !ldapclient.SameDN(got, "CN="+name+",OU=groups,"+base) {
				t.Fatalf("in %q, want %s", got, name)
			}
		}
	}
	bring := func(keep provision.Drastic) provision.Pass {
		t.Helper()
		job := w.job()
		job.Keep = keep
		p, err := w.target.Bring(t.Context(), job)
		if err != nil || w.save(job.Row.Revision, p) != nil {
			t.Fatal(err)
		}
		return p
	}
	in("staff-49")
	w.trigger(func() { w.entry = entry(teaches("7")); w.row.Observed.Groups = nil }) // as an older version left it
	if d := w.target.Foresee(w.job()); d[provision.Leave] {
		t.Errorf("nobody can know: %v", d)
	}
	if p := bring(provision.Drastic{}); !p.Again || p.Observed.Ready {
		t.Errorf("a pass that nobody counted: %+v", p)
	}
	if len(w.row.Observed.Groups) != 2 {
		t.Fatalf("taken out of a group before anybody counted: %q", w.row.Observed.Groups)
	}
	if d := w.target.Foresee(w.job()); d != (provision.Drastic{provision.Leave: true}) {
		t.Errorf("after it was seen: %v", d)
	}
	for range 2 {
		if p := bring(provision.Drastic{provision.Leave: true}); p.Again || p.Observed.Ready || len(p.Observed.Problems) > 0 && codes(p.Observed.Problems) != "PASSWORD_NEEDED" {
			t.Errorf("held: %+v", p)
		}
		if len(w.row.Observed.Groups) != 2 {
			t.Fatalf("the brake holds, and it is in %q", w.row.Observed.Groups)
		}
	}
	w.settle()
	in("staff-7")
	w.trigger(func() { w.entry = entry() })
	if d := w.target.Foresee(w.job()); d[provision.Leave] {
		t.Errorf("that is the other brake's: %v", d)
	}
	w.settle()
	in()
}
