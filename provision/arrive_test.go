package provision_test

import (
	"errors"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

func deskOf(p *porter, s *shelf) *provision.Desk {
	activator := provision.NewActivator(s, time.UTC, provision.ActivatorOptions{Target: "ad"})
	return provision.NewDesk(p, activator, &progress{[][]provision.Status{adStatus(false, true)}}, provision.DeskOptions{Now: func() time.Time { return now }})
}

// Who comes from mos.ru's page is told how things stand, and nothing is written
// before the password is there.
func TestArrive(t *testing.T) {
	evidence, profile := teacher(t)
	bound := evidence
	bound.Bindings = []match.Binding{{Record: "k1", Kind: person.RecordEmployment, Subject: profile.Subject}}
	bound.Accounts = []provision.Account{{Target: "ad", Name: "orlovami"}}
	other := profile
	other.SNILS = "08765430300"
	card := provision.Evidence{Registry: match.Registry{Schools: evidence.Registry.Schools, Cards: []person.Card{{Child: "c1", ParentFIO: "Орлова Мария Игоревна", ParentSNILS: "112-233-445 95", School: "49"}}}}
	for what, c := range map[string]struct {
		evidence provision.Evidence
		profile  person.Profile
		state    provision.State
		problem  string
		written  int
		outcome  identity.Outcome
	}{
		"somebody new":          {evidence, profile, provision.StatePassword, "", 0, identity.Accepted},
		"somebody with account": {bound, profile, provision.StateActive, "", 1, identity.Accepted},
		"a parent":              {card, profile, provision.StateActive, "", 1, identity.Accepted},
		"another number":        {evidence, other, provision.StateRefused, "SNILS_MISMATCH", 0, identity.Rejected},
		"nobody":                {provision.Evidence{}, profile, provision.StateRefused, "NO_SUCH_ACCOUNT", 0, identity.Rejected},
	} {
		p, s := &porter{seen: true}, &shelf{evidence: c.evidence}
		a := deskOf(p, s).Arrive(t.Context(), provision.Arrival{Profile: c.profile, Asked: now})
		if a.State != c.state || a.Problem != c.problem || len(s.took) != c.written || a.Profile.Subject != c.profile.Subject {
			t.Errorf("%s: %+v after %d writes", what, a, len(s.took))
		}
		if a.Person.IsZero() == (c.state == provision.StateActive) {
			t.Errorf("%s: the person is %v", what, a.Person)
		}
		if len(p.told) != 1 || p.told[0].Outcome != c.outcome {
			t.Errorf("%s: the trail is told %+v", what, p.told)
		}
		for _, act := range s.took {
			if act.Password != "" {
				t.Errorf("%s: a password out of nowhere", what)
			}
		}
	}
}

// The password must be of the account that was proved.
func TestActivateAs(t *testing.T) {
	evidence, profile := teacher(t)
	c := identity.Credential{Name: "orlovami", Proof: identity.Password("Zimorodok-2021"), Channel: identity.ChannelWeb}
	p, s := &porter{seen: true, profile: profile, verdict: accepted}, &shelf{evidence: evidence}
	if a := deskOf(p, s).ActivateAs(t.Context(), "somebody-else", c); a.State != provision.StateRefused || a.Problem != string(identity.ReasonReassigned) || len(s.took) != 0 {
		t.Errorf("%+v after %d writes", a, len(s.took))
	}
	if len(p.told) != 1 || p.told[0].Outcome != identity.Rejected {
		t.Errorf("the trail is told %+v", p.told)
	}
	if a := deskOf(p, s).ActivateAs(t.Context(), profile.Subject, c); a.State != provision.StateActive || a.Person.IsZero() || len(s.took) != 1 || s.took[0].Password == "" {
		t.Errorf("%+v", a)
	}
	if a := deskOf(p, s).Standing(t.Context(), identity.PersonID{1}, "orlovami"); a.State != provision.StateActive || a.PC != "orlovami" || a.Targets["ad"] != provision.Ready {
		t.Errorf("%+v", a)
	}
	if a := deskOf(p, s).Standing(t.Context(), identity.PersonID{1}, ""); a.PC != "" || len(a.Targets) != 0 {
		t.Errorf("a parent: %+v", a)
	}
}

// A store that does not serve is not the person's fault.
func TestArriveWithoutStore(t *testing.T) {
	evidence, profile := teacher(t)
	evidence.Bindings = []match.Binding{{Record: "k1", Kind: person.RecordEmployment, Subject: profile.Subject}}
	evidence.Accounts = []provision.Account{{Target: "ad", Name: "orlovami"}}
	p := &porter{}
	s := &shelf{evidence: evidence, refuse: func(person.Activation) error { return errors.New("away") }}
	if a := deskOf(p, s).Arrive(t.Context(), provision.Arrival{Profile: profile, Asked: now}); a.State != provision.StateUnavailable {
		t.Errorf("%+v", a)
	}
}
