package ad_test

import (
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// told is a history that somebody wrote: what broke a promise once.
type told struct {
	*city
	t *testing.T
}

func tell(t *testing.T, what func(told)) {
	y := newCity(t, 1)
	defer func() {
		if p := recover(); p != nil && p != any(halt{}) {
			panic(p)
		}
		for _, fault := range y.failed {
			t.Error(fault)
		}
	}()
	what(told{y, t})
}

func (y told) citizen(login string) *citizen {
	for _, c := range y.citizens() {
		if c.login() == login {
			return c
		}
	}
	y.t.Fatalf("nobody is called %s", login)
	return nil
}

func (y told) next(days int) {
	y.now = y.now.AddDate(0, 0, days)
	y.takeIn(0)
	y.daemon()
	y.check()
}

// activates lets somebody sign in on the page, and says what it came to.
func (y told) activates(login string) match.Verdict {
	r := y.activate(y.citizen(login))
	y.daemon()
	y.check()
	return r.Verdict
}

// TestSonIsSpoilt: a pupil whose row is spoilt keeps his account, and the card stays
// his father's, who has his name and telephone.
func TestSonIsSpoilt(t *testing.T) {
	tell(t, func(y told) {
		row := y.some(y.citizen("kimigor").of, func(r *entered) bool { return r.kind == person.RecordEnrolment })[0]
		if v := y.activates("kimigor"); v.Decision != match.Match {
			t.Fatalf("%+v", v)
		}
		row.source.last += "а"
		y.next(1)
		v := y.activates("kimigor")
		if v.Decision != match.Manual || len(v.Problems) != 1 || v.Problems[0].Code != match.Ambiguous {
			t.Errorf("%+v", v)
		}
		if o := y.seen()[y.citizen("kimigor").guid]; !enabled(o) {
			t.Error("the account is disabled")
		}
		if v := y.activates("kimi"); v.Decision != match.Match || len(v.Roles) != 1 || v.Roles[0].Role != person.RoleParent {
			t.Errorf("%+v", v)
		}
		row.source.last = y.citizen("kimigor").of.last
		y.next(1)
		if v := y.activates("kimigor"); v.Decision != match.Match || v.Provision.Kind != match.ProvisionKeep {
			t.Errorf("%+v", v)
		}
	})
}

// TestParentIsKept: whoever left and is on a child's card is not erased; when the
// card is gone too, she is.
func TestParentIsKept(t *testing.T) {
	tell(t, func(y told) {
		c := y.citizen("orlovami")
		for _, r := range y.some(c.of, there) {
			r.source = y.truth(c.of)
			r.source.school, r.source.start = "49", y.today()
		}
		y.add(person.RecordCard, c.of, event{}, "c")
		y.next(0)
		if v := y.activates("orlovami"); v.Decision != match.Match || len(v.Records) != 2 {
			t.Fatalf("%+v", v)
		}
		rows := y.some(c.of, func(*entered) bool { return true })
		for _, r := range rows {
			r.there = r.kind == person.RecordCard
		}
		y.next(1)
		y.next(keptDays + 1)
		if c.erased {
			t.Error("a parent is erased")
		}
		for _, r := range rows {
			r.there = false
		}
		y.next(1)
		if y.next(keptDays + 1); !c.erased {
			t.Error("nobody needs her, and she is not erased")
		}
	})
}
