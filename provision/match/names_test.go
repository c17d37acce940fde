package match

import (
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

func namePolicy(t testing.TB, ezhd bool, pattern string) Names {
	t.Helper()
	n := Names{EZHD: ezhd}
	if pattern != "" {
		var err error
		if n.Made, err = login.ParsePattern(pattern); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestOtherNames(t *testing.T) {
	const mail = "s s1 login=a@b.ru"
	manual := func(codes string) string { return codes + " " }
	for _, c := range []struct{ name, policy, given, taken, want string }{
		{"nothing is allowed", "", "k k1 ezhd=anna49; " + mail, "", manual("LOGIN_DIFFERS, LOGIN_NOT_USABLE")},
		{"the ЭЖД login", "e", "k k1 ezhd=anna49; " + mail, "", "LOGIN_DIFFERS anna49"},
		{"the ЭЖД login before a made name", "em", "k k1 ezhd=anna49; " + mail, "", "LOGIN_DIFFERS anna49"},
		{"a made name though there is an ЭЖД login", "m", "k k1 ezhd=anna49; " + mail, "", "LOGIN_DIFFERS ivanovaap"},
		{"the next ЭЖД login", "e", "k k1 ezhd=x@y; k k2 ezhd=anna49 school=50; " + mail, "", "LOGIN_DIFFERS anna49"},
		{"an ЭЖД login looks like another's", "em", "k k1 ezhd=anna49; ad anna.49 person=k7; ad anna person=k8; " + mail, "", "LOGIN_DIFFERS anna49"},
		{"another's ЭЖД login", "em", "k k1 ezhd=anna49; ad ANNA49 person=k7; " + mail, "", "LOGIN_DIFFERS ivanovaap"},
		{"a retired ЭЖД login", "em", "k k1 ezhd=anna49; " + mail, "anna49", "LOGIN_DIFFERS ivanovaap"},
		{"a long ЭЖД login", "em", "k k1 ezhd=abcdefghijklmnopqrstu; " + mail, "", "LOGIN_DIFFERS ivanovaap"},
		{"a system's account", "", "k k1; s s1 login=Root", "", manual("LOGIN_NOT_USABLE")},
		{"a system's account, another name", "m", "k k1; s s1 login=root", "", "LOGIN_DIFFERS ivanovaap"},
		{"a system's account in the ЭЖД", "em", "k k1 ezhd=administrator; " + mail, "", "LOGIN_DIFFERS ivanovaap"},
		{"like a system's account", "", "k k1; s s1 login=ro-ot1", "", " ro-ot1"},
		{"a word that nobody is given, but chose", "", "k k1; s s1 login=Student", "", " Student"},
		{"the same in the ЭЖД", "e", "k k1 ezhd=teacher; " + mail, "", "LOGIN_DIFFERS teacher"},
		{"no ЭЖД login", "e", "k k1; " + mail, "", manual("LOGIN_NOT_USABLE")},
		{"a usable login stays", "em", "k k1 ezhd=anna49; s s1", "", "LOGIN_DIFFERS evann"},
		{"a taken login", "m", "k k1; ad evann person=k7; s s1", "", "LOGIN_DIFFERS ivanovaap"},
		{"a taken login, nothing allowed", "", "k k1; ad evann person=k7; s s1", "", manual("AD_NAME_TAKEN")},
		{"a login that was had", "m", "k k1; s s1", "EVANN", "LOGIN_DIFFERS ivanovaap"},
		{"a login that was had, nothing allowed", "", "k k1; s s1", "evann", manual("AD_NAME_TAKEN")},
		{"an account that may be hers", "em", "k k1 ezhd=anna49; ad evann; s s1", "", manual("LOGIN_DIFFERS, AD_UNOWNED")},
		{"an account that may be hers, by the ЭЖД login", "em", "k k1 ezhd=anna49; ad anna49; " + mail, "", manual("LOGIN_DIFFERS, LOGIN_NOT_USABLE, AD_UNOWNED")},
		{"looks like an account", "m", "k k1; ad Ivanova-AP7 person=k7; " + mail, "", "LOGIN_DIFFERS ivanovaanp"},
		{"looks like an account of nobody", "m", "k k1; ad ivanova.ap; " + mail, "", manual("LOGIN_NOT_USABLE, AD_UNOWNED")},
		{"looks like an account of nobody that is hers by ФИО", "m", "k k1; ad ivanova.ap display=Иванова_Анна; " + mail, "", manual("LOGIN_NOT_USABLE, AD_UNOWNED")},
		{"looks like an account of nobody with another's ФИО", "m", "k k1; ad ivanova.ap display=Иванова_Алла_Павловна; " + mail, "", "LOGIN_DIFFERS ivanovaanp"},
		{"looks like an account in Cyrillic", "m", "k k1; ad ivаnоvаар person=k7; " + mail, "", "LOGIN_DIFFERS ivanovaanp"},
		{"looks like a Teams login", "m", "k k1; ad x person=k7 teams=ivanova.ap@b; " + mail, "", "LOGIN_DIFFERS ivanovaanp"},
		{"the store knows it", "m", "k k1; " + mail, "ivanovaap ivanovaanp", "LOGIN_DIFFERS ivanovaape"},
		{"given earlier in the run", "m", "k k1; k k2 snils=B; " + mail + "; s s2 snils=B login=c@d.ru", "", "LOGIN_DIFFERS ivanovaap; LOGIN_DIFFERS ivanovaanp"},
		{"looks like one given earlier", "m", "k k1; k k2 snils=B; s s1 login=Ivanova.AP-1; s s2 snils=B login=c@d.ru", "", " Ivanova.AP-1; LOGIN_DIFFERS ivanovaanp"},
		{"what is taken stays the other's", "m", "k k1; k k2 snils=B; k k3 snils=C; s s1; s s2 snils=B; s s3 snils=C", "", " evann; LOGIN_DIFFERS ivanovaap; LOGIN_DIFFERS ivanovaanp"},
		{"another's ЭЖД login, of nobody in AD", "m", "k k1; k k2 fio=Иванов_Антон_Павлович snils=B ezhd=IvanovaAP; " + mail, "", "LOGIN_DIFFERS ivanovaanp"},
		{"her own ЭЖД login", "m", "k k1 ezhd=IvanovaAP; " + mail, "", "LOGIN_DIFFERS ivanovaap"},
		{"letters cannot be written", "m", "k k1 fio=李_明; s s1 fio=李_明 login=a@b.ru", "", manual("LOGIN_NOT_USABLE")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := parseWorld(t, c.given)
			w.registry.Taken = strings.Fields(c.taken)
			pattern := ""
			if strings.Contains(c.policy, "m") {
				pattern = login.DefaultPattern
			}
			w.registry.Names = namePolicy(t, strings.Contains(c.policy, "e"), pattern)
			var got []string
			for _, v := range w.run(t) {
				if v.Nobody {
					continue
				}
				if (v.Decision == Match) != (v.Provision.Kind == ProvisionCreate) {
					t.Error(short(v))
				}
				var codes []string
				for _, p := range v.Problems {
					codes = append(codes, p.String())
				}
				got = append(got, strings.Join(codes, ", ")+" "+v.Provision.SAM)
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("%s\n got  %q\n want %q", c.given, text, c.want)
			}
		})
	}
}

// TestNamesChangeNothingElse holds decisions with names against those without:
// they differ only where nothing but the name was in the way.
func TestNamesChangeNothingElse(t *testing.T) {
	names := namePolicy(t, true, login.DefaultPattern)
	day, _ := person.ParseDate(today)
	made := 0
	for seed := range uint64(2000) {
		w := small(t, seed)
		for _, p := range w.profiles {
			off := NewIndex(w.registry)
			without := Decide(off, NewBindings(off, w.bindings, nil), p, day)
			w.registry.Names = names
			on := NewIndex(w.registry)
			with := Decide(on, NewBindings(on, w.bindings, nil), p, day)
			w.registry.Names = Names{}
			if short(with) == short(without) && slices.EqualFunc(with.Reasons, without.Reasons, func(a, b Reason) bool { return a.String() == b.String() }) {
				continue
			}
			made++
			sam := with.Provision.SAM
			if with.Provision.Kind != ProvisionCreate || with.Provision.Origin == OriginMosru || person.UsableADName(sam) != nil || len(sam) > person.SAMLimit {
				t.Fatalf("seed %d: %s, before %s", seed, short(with), short(without))
			}
			for _, problem := range without.Problems {
				if problem.Code == ADUnowned || !problem.Code.Beside() && problem.Code != LoginNotUsable && problem.Code != ADNameTaken && problem.Code != SNILSMismatch && problem.Code != SNILSNotConfirmed {
					t.Fatalf("seed %d: %s, before %s", seed, short(with), short(without))
				}
			}
			for _, a := range w.registry.AD {
				if person.FoldName(a.SAM) == sam || with.Provision.Origin == OriginMade && login.Alike(a.SAM, sam) {
					t.Fatalf("seed %d: %s beside %s", seed, sam, a.SAM)
				}
			}
		}
		w.registry.Names = names
		checkWorld(t, w)
	}
	if made < 20 {
		t.Errorf("only %d got another name", made)
	}
}
