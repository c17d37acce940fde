package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// slowly decides by the words of the rules, without anything that Compile or
// Decide share: what the package's comment says, written once more.
func slowly(rules []Rule, pairs []Pair, channel string, src identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	if len(pairs) == 0 {
		return identity.Grant{}, identity.ReasonEnded
	}
	best, reason := 0, identity.ReasonRoleNotAllowed
	for _, r := range rules {
		for _, p := range pairs {
			how, left := fits(r, p, channel, src, now)
			switch {
			case how < 6 && r.Allow && how > best:
				best, reason = how, identity.ReasonRoleNotAllowed
				switch how {
				case 4:
					reason = identity.ReasonSchoolNotAllowed
				case 5:
					reason = identity.ReasonHours
				}
			case how < 6:
			case !r.Allow && len(r.Hours) > 0:
				return identity.Grant{}, identity.ReasonHours
			case !r.Allow:
				return identity.Grant{}, identity.ReasonRoleNotAllowed
			default:
				g := identity.Grant{Rule: r.Name, Role: p.Role.String(), School: string(p.School), SessionTimeout: r.Session, Longest: r.Session,
					IdleTimeout: r.Idle, Filter: r.Filter, Down: uint32(r.Down), Up: uint32(r.Up)}
				if _, err := fmt.Sscan(r.VLAN, &g.VLAN); err != nil {
					g.VLANName = r.VLAN
				}
				if left < 7*24*time.Hour {
					g.Left = left
				}
				if g.Left > 0 && (r.Session == 0 || left < r.Session) {
					g.SessionTimeout = left
				}
				return g, ""
			}
		}
	}
	return identity.Grant{}, reason
}

// fits counts the questions that a pair passes: channel, role, NAS, SSID,
// school, hours.
func fits(r Rule, p Pair, channel string, src identity.Source, now time.Time) (passed int, left time.Duration) {
	in := func(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }
	role := p.Role.String()
	roles := r.Roles
	if len(roles) == 0 {
		roles = []string{"staff", "pupil"}
	}
	schools := r.Schools
	if len(schools) == 0 && r.Allow {
		schools = []string{"own"}
	} else if len(schools) == 0 {
		schools = []string{"any"}
	}
	place := false
	for _, s := range schools {
		place = place || s == "any" || s == "own" && (src.School == "" || src.School == string(p.School)) || s == src.School
	}
	for on := true; on && left < 7*24*time.Hour; {
		on = false
		for _, h := range r.Hours {
			if more := span(h, now.Add(left)); more > 0 {
				on, left = true, left+more
			}
		}
	}
	for _, ok := range []bool{
		in(r.Channels, channel),
		slices.Contains(roles, role) && (role != "parent" || channel == "web") && (role != "device" && role != "machine" || channel == "wifi"),
		in(r.NAS, src.NAS),
		in(r.SSIDs, src.SSID),
		place,
		len(r.Hours) == 0 || left > 0,
	} {
		if !ok {
			return passed, left
		}
		passed++
	}
	return passed, left
}

// span lays the hours of yesterday and today on the calendar.
func span(text string, now time.Time) time.Duration {
	days, clock, ok := strings.Cut(text, " ")
	if !ok {
		days, clock = "sun-sat", text
	}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	on := func(day time.Time) bool {
		for part := range strings.SplitSeq(days, ",") {
			first, last, ok := strings.Cut(part, "-")
			if !ok {
				last = first
			}
			for d := slices.Index(names, first); ; d++ {
				if names[d%7] == names[int(day.Weekday())] {
					return true
				}
				if names[d%7] == last {
					break
				}
			}
		}
		return false
	}
	var h1, m1, h2, m2 int
	if _, err := fmt.Sscanf(clock, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); err != nil {
		panic(err)
	}
	for back := range 2 {
		day := time.Date(now.Year(), now.Month(), now.Day()-back, 0, 0, 0, 0, now.Location())
		from := day.Add(time.Duration(h1*60+m1) * time.Minute)
		to := day.Add(time.Duration(h2*60+m2) * time.Minute)
		if !to.After(from) {
			to = to.AddDate(0, 0, 1)
		}
		if on(day) && !now.Before(from) && now.Before(to) {
			return to.Sub(now)
		}
	}
	return 0
}

// some takes at most n of the words, often none.
func some(r *rand.Rand, n int, words ...string) []string {
	var out []string
	for range r.IntN(n + 1) {
		if w := words[r.IntN(len(words))]; !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func randomRule(r *rand.Rand, name string) Rule {
	in := Rule{Name: name, Allow: r.IntN(4) > 0, NAS: some(r, 1, "ap", "hall", "reader"),
		Hours:    some(r, 2, "mon-fri 08:00-20:00", "sat,sun 10:00-14:00", "fri-mon 22:00-06:00", "08:30-24:00", "mon-fri 00:00-24:00", "00:00-08:30", "20:00-08:00", "wed 00:00-00:01", "23:59-00:01"),
		Channels: some(r, 2, "ldap", "wifi", "web"), Schools: some(r, 2, "own", "A", "B", "C"), Roles: some(r, 3, "staff", "pupil", "device", "machine")}
	if r.IntN(3) == 0 {
		in.Schools = []string{"any"}
	}
	if r.IntN(6) == 0 {
		in.Roles, in.Channels = []string{"parent"}, []string{"web"}
	}
	things := slices.Contains(in.Roles, "device") || slices.Contains(in.Roles, "machine")
	if things && in.Allow {
		in.Channels = []string{"wifi"}
	}
	if wifi := len(in.Channels) == 0 || slices.Contains(in.Channels, "wifi"); wifi {
		in.SSIDs = some(r, 1, "Study", "Boards")
		if in.Allow && r.IntN(2) == 0 {
			in.VLAN = []string{"1", "20", "4094", "pupils"}[r.IntN(4)]
			in.Down, in.Up = Rate(r.IntN(2))*20e6, Rate(r.IntN(2))*MinRate
		}
	}
	if in.Allow && r.IntN(2) == 0 {
		in.Session, in.Idle, in.Filter = time.Duration(r.IntN(600)+1)*time.Minute, 10*time.Minute, "f"
	}
	return in
}

// TestDecideAgreesWithTheSlowReference: over random tables, people, places and
// moments.
func TestDecideAgreesWithTheSlowReference(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	met := map[identity.Reason]int{}
	for n := range 1500 {
		var rules []Rule
		for i := range r.IntN(7) {
			rules = append(rules, randomRule(r, fmt.Sprint("rule-", i)))
		}
		table := compiled(t, rules...)
		for range 25 {
			var pairs []Pair
			for range r.IntN(4) {
				pairs = append(pairs, Pair{Role(1 + r.IntN(5)), person.SchoolID(pick("A", "B", "C"))})
			}
			channel := channels[r.IntN(3)]
			src := identity.Source{School: pick("", "A", "B", "D"), NAS: pick("ap", "hall", "other"), SSID: pick("Study", "Boards", "")}
			now := time.Date(2026, 11, 23, 0, r.IntN(8*24*60), r.IntN(60), r.IntN(1e9), moscow)
			d := table.Explain(pairs, channel, &src, now.UTC())
			grant, reason := slowly(rules, pairs, channel.String(), src, now)
			if d.Grant != grant || d.Reason != reason {
				t.Fatalf("seed %d, table %d: %v on %v from %+v at %v:\ngot  %q %+v\nwant %q %+v\nrules %+v", seed, n, pairs, channel, src, now, d.Reason, d.Grant, reason, grant, rules)
			}
			if by, ok := d.By(); reason == "" && (!ok || by.Rule != grant.Rule || !by.Allow || by.Pair.Role.String() != grant.Role) || len(d.Steps) != len(rules)*len(pairs) {
				t.Fatalf("seed %d: the steps do not show the decision: %+v %+v", seed, d, rules)
			}
			met[reason]++
		}
	}
	for _, reason := range []identity.Reason{"", identity.ReasonEnded, identity.ReasonHours, identity.ReasonRoleNotAllowed, identity.ReasonSchoolNotAllowed} {
		if met[reason] < 100 {
			t.Errorf("%q came up %d times only: the random tables say little", reason, met[reason])
		}
	}
}
