package provision_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// noted keeps tries.
type noted struct {
	list []provision.Try
	err  error
}

func (n *noted) KeepTry(_ context.Context, t provision.Try) error {
	n.list = append(n.list, t)
	return n.err
}

// What is to be repaired is kept, with its schools; what is not, is not; and that
// it cannot be kept stops nobody.
func TestTriesAreKept(t *testing.T) {
	o := newOffice(t)
	kept := &noted{}
	a := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Tries: kept})
	activate := func(p person.Profile) provision.Result {
		t.Helper()
		r, err := a.Activate(t.Context(), provision.Request{Profile: p, Asked: now.Add(-time.Second)}, now)
		check(t, err)
		return r
	}
	profile := o.teacher(t, 1, "annaiv", "ivanovaap")
	wrong := profile
	wrong.SNILS = snilsOf(2)
	activate(wrong)
	want := provision.Try{Subject: "sub-k1", Login: "annaiv", Last: "Иванова", First: "Анна", Middle: "Петровна", Decision: match.NoMatch,
		Problems: []match.Problem{{Code: match.SNILSMismatch}}, Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}},
		About: [][]person.RecordRef{{{Kind: person.RecordEmployment, ID: "k1"}}}, Schools: []person.SchoolID{"49"}, At: now.Add(-time.Second), Profile: wrong}
	if len(kept.list) != 1 || !reflect.DeepEqual(kept.list[0], want) {
		t.Errorf("%+v\nwant %+v", kept.list, want)
	}
	kept.err = errors.New("the store is down")
	if r := activate(profile); r.Verdict.Decision != match.Match {
		t.Errorf("%+v", r.Verdict)
	}
	if got := kept.list[1:]; len(got) != 1 || got[0].Decision != match.Match || !reflect.DeepEqual(got[0].Problems, []match.Problem{{Code: match.LoginDiffers}}) {
		t.Errorf("%+v", got)
	}
	plain := o.teacher(t, 3, "annaiv3", "")
	plain.Middle = "Петровна"
	activate(plain)
	if len(kept.list) != 2 {
		t.Errorf("%+v", kept.list[2:])
	}
}
