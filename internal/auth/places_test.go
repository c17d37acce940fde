package auth

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// guesser shows another address and another name with each try, as many tries as
// anybody could make at an access point.
type guesser struct {
	*world
	n int
}

// guess gives how many of n tries were looked at.
func (g *guesser) guess(n int, ap func(i int) string) (looked int) {
	for range n {
		g.n++
		if g.signAt(ap(g.n), fmt.Sprint("name", g.n), wrong, fmt.Sprint("mac", g.n)).Outcome == identity.Rejected {
			looked++
		}
	}
	return looked
}

func at(ap string) func(int) string { return func(int) string { return ap } }

// everyone is how many new people of the school sign in somewhere, of twenty.
func (g *guesser) everyone(ap string) (in int) {
	for i := range 20 {
		g.n++
		login := fmt.Sprint("teacher", i)
		if g.signAt(ap, login, right, fmt.Sprint("new", g.n)).Outcome == identity.Accepted {
			in++
		}
	}
	return in
}

func newGuesser(t *testing.T, options ...func(*Options)) *guesser {
	w := newWorld(t, options...)
	for i := range 20 {
		w.person(byte(100+i), fmt.Sprint("teacher", i), right, w.entries["orlovami"].Affiliations...)
	}
	return &guesser{world: w}
}

// Somebody who changes his address with each guess keeps new devices out where he
// is, for as long as he goes on, and nowhere else; devices that were there before
// come in everywhere.
func TestAGuesserShutsOutHisAccessPointAlone(t *testing.T) {
	g := newGuesser(t)
	g.want(g.signAt("ap1", "orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	for minute := range 10 {
		for range 120 {
			g.guess(3, at("ap1"))
			g.pass(500 * time.Millisecond)
			g.guess(3, at("ap1"))
		}
		if in := g.everyone("ap1"); in != 0 {
			t.Errorf("minute %d: %d of 20 at his access point", minute, in)
		}
		for _, ap := range []string{"ap2", "ap3", ""} {
			if in := g.everyone(ap); in != 20 {
				t.Errorf("minute %d: %d of 20 at access point %q", minute, in, ap)
			}
		}
		if v := g.signAt("ap1", "orlovami", right, "laptop"); v.Outcome != identity.Accepted {
			t.Errorf("minute %d: a known device: %v %v", minute, v.Outcome, v.Reason)
		}
	}
	g.pass(time.Minute)
	if in := g.everyone("ap1"); in != 20 {
		t.Errorf("%d of 20 a minute after he left", in)
	}
}

// He hears of nine addresses of access points; colleagues mistype beside him.
func TestAGuesserAmongManyAccessPoints(t *testing.T) {
	g := newGuesser(t)
	g.guess(1000, at("near0"))
	for range 60 {
		g.guess(100, func(i int) string { return fmt.Sprint("near", i%9) })
		g.guess(2, at("far1"))
		if in := g.everyone("far1"); in != 20 {
			t.Fatalf("%d of 20 come in", in)
		}
		g.pass(30 * time.Second)
	}
}

// Whatever is said of the access point, or if it is not said, there are as many
// guesses in all as a source has, and no more; half of the burst where all come
// from one.
func TestAccessPointsGiveNoMoreGuesses(t *testing.T) {
	const burst, rate = 200, 2 * 600
	for name, c := range map[string]struct {
		ap   func(int) string
		most int
	}{
		"one":               {at("ap1"), burst/2 + rate},
		"none":              {at(""), burst/2 + rate},
		"another each time": {func(i int) string { return fmt.Sprint("ap", i) }, burst + rate},
		"of thirty":         {func(i int) string { return fmt.Sprint("ap", i%30) }, burst + rate},
	} {
		g := newGuesser(t)
		looked := g.guess(2*burst, c.ap)
		for range rate {
			g.pass(500 * time.Millisecond)
			looked += g.guess(3, c.ap)
		}
		if looked != c.most {
			t.Errorf("%s: %d guesses in ten minutes, want %d", name, looked, c.most)
		}
	}
}

// Elsewhere than on the Wi-Fi there are no access points, and no halves.
func TestOtherChannelsHaveTheWholeSource(t *testing.T) {
	w := newWorld(t)
	looked := 0
	for i := range 400 {
		c := identity.Credential{Name: fmt.Sprint("name", i), Proof: wrong, Channel: identity.ChannelLDAP, Source: from("")}
		if w.Authenticate(t.Context(), c).Outcome == identity.Rejected {
			looked++
		}
	}
	if looked != 200 || w.guard.places.Len() != 0 {
		t.Errorf("%d guesses, %d access points", looked, w.guard.places.Len())
	}
}

// An unknown name and a wrong password are alike at every access point, guessed at
// or not, by password or MSCHAPv2.
func TestAnUnknownNameIsAlikeAtEveryAccessPoint(t *testing.T) {
	outcomes := func(login func(i int) string) (out []identity.Outcome) {
		g := newGuesser(t)
		g.guess(95, at("ap1"))
		for i := range 20 {
			for _, ap := range []string{"ap1", "ap2"} {
				out = append(out, g.signAt(ap, login(i), identity.Password(fmt.Sprint("guess", ap)), fmt.Sprint("d", ap, i)).Outcome)
				src := from(fmt.Sprint("e", ap, i))
				src.AP = ap
				out = append(out, g.Authenticate(t.Context(), identity.Credential{Name: login(i), Proof: identity.MSCHAPv2{Name: login(i)}, Channel: identity.ChannelWiFi, Source: src}).Outcome)
			}
		}
		return out
	}
	want := outcomes(func(i int) string { return fmt.Sprint("teacher", i) })
	if got := outcomes(func(i int) string { return fmt.Sprint("nobody", i) }); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("nobody:   %v\nteachers: %v", got, want)
	}
	count := map[identity.Outcome]int{}
	for _, o := range want {
		count[o]++
	}
	if count[identity.Rejected] == 0 || count[identity.Unavailable] == 0 {
		t.Errorf("%v: the limit is not where it is tested", count)
	}
}

// Tries that are under way at once have all been admitted before the first fails.
// What they spend of the second half counts at their access point.
func TestAGuesserWithManyTriesAtOnce(t *testing.T) {
	g := newGuesser(t)
	at := func(ap string) try {
		g.n++
		src := from(fmt.Sprint("mac", g.n))
		src.AP = ap
		return g.guard.try(key{}, true, 0, &identity.Credential{Name: fmt.Sprint("name", g.n), Channel: identity.ChannelWiFi, Source: src})
	}
	guesses := 0
	atOnce := func(n int) {
		var under []try
		for range n {
			if one := at("ap1"); g.guard.admit(&one, g.now) {
				under = append(under, one)
			}
		}
		for i := range under {
			g.guard.failed(&under[i], g.now)
		}
		guesses += len(under)
	}
	atOnce(150)
	for second := range 600 {
		atOnce(60)
		if other := at("ap2"); !g.guard.admit(&other, g.now) {
			t.Fatalf("second %d: another access point is shut", second)
		}
		g.pass(time.Second)
	}
	if guesses < 150 || guesses > 200+2*600 {
		t.Errorf("%d guesses", guesses)
	}
}
