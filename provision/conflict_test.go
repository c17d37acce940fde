package provision_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// shelf is a store that refuses as it is told.
type shelf struct {
	mu       sync.Mutex
	evidence provision.Evidence
	refuse   func(person.Activation) error
	took     []person.Activation
}

func (s *shelf) Evidence(context.Context, person.Profile) (provision.Evidence, error) {
	return s.evidence, nil
}

func (s *shelf) Owners(context.Context, string, [][16]byte) (map[[16]byte]provision.Owner, error) {
	return nil, nil
}

func (s *shelf) Taken(context.Context, provision.NameQuery) ([]string, error) { return nil, nil }

func (s *shelf) Listed(context.Context, string, []string) ([]string, error) { return nil, nil }

func (s *shelf) Activate(_ context.Context, a person.Activation, _ time.Time) (person.Activated, error) {
	s.mu.Lock()
	s.took = append(s.took, a)
	s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(a); err != nil {
			return person.Activated{}, err
		}
	}
	return person.Activated{Person: identity.PersonID{1}, Login: a.Login, Epoch: 1}, nil
}

// teacher and her profile are invented; the СНИЛС is generated.
func teacher(t *testing.T) (provision.Evidence, person.Profile) {
	t.Helper()
	start, ok := person.NewDate(2015, 9, 1)
	if !ok {
		t.Fatal("no date")
	}
	row := person.Employment{ID: "k1", FIO: "Орлова Мария Игоревна", SNILS: "112-233-445 95", School: "49", Start: start, EZHDLogin: "orlovamari"}
	profile := person.Profile{Subject: "sub-orlova", Login: "OrlovaMI", Last: "Орлова", First: "Мария", Middle: "Игоревна",
		SNILS: "11223344595", SNILSConfirmed: true, Trusted: true}
	return provision.Evidence{Registry: match.Registry{Schools: []person.School{{ID: "49", Name: "Школа"}}, Employments: []person.Employment{row}}}, profile
}

func activate(t *testing.T, s *shelf, p person.Profile) provision.Result {
	t.Helper()
	result, err := provision.NewActivator(s, time.UTC, provision.ActivatorOptions{}).Activate(t.Context(), provision.Request{Profile: p}, now)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func names(a person.Activation, kind person.NameKind) (texts []string) {
	for _, n := range a.Names {
		if n.Kind == kind {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func TestActivate(t *testing.T) {
	evidence, profile := teacher(t)
	s := &shelf{evidence: evidence}
	result := activate(t, s, profile)
	if result.Verdict.Decision != match.Match || result.Activated.Login != "orlovami" || len(s.took) != 1 {
		t.Fatalf("%+v, %+v", result, s.took)
	}
	a := s.took[0]
	if !slices.Equal(a.Records, []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}) ||
		!slices.Equal(names(a, person.NameMosru), []string{"OrlovaMI"}) || !slices.Equal(names(a, person.NameEZHD), []string{"orlovamari"}) {
		t.Errorf("written: %+v", a)
	}
}

// TestSharedEZHDLogin: an export gave her ЭЖД login to somebody else too.
func TestSharedEZHDLogin(t *testing.T) {
	evidence, profile := teacher(t)
	s := &shelf{evidence: evidence, refuse: func(a person.Activation) error {
		if len(names(a, person.NameEZHD)) > 0 {
			return identity.ErrConflict
		}
		return nil
	}}
	if result := activate(t, s, profile); result.Verdict.Decision != match.Match || result.Activated.Login != "orlovami" {
		t.Errorf("%+v", result)
	}
}

// TestTakenLogin: no other name is tried, a person decides.
func TestTakenLogin(t *testing.T) {
	evidence, profile := teacher(t)
	s := &shelf{evidence: evidence, refuse: func(person.Activation) error { return identity.ErrConflict }}
	result := activate(t, s, profile)
	taken := slices.ContainsFunc(result.Verdict.Problems, func(p match.Problem) bool { return p.Code == match.ADNameTaken })
	if result.Verdict.Decision != match.Manual || !taken || result.Activated != (person.Activated{}) || len(result.Verdict.Roles) != 0 {
		t.Errorf("%+v", result)
	}
	for _, a := range s.took {
		if a.Login != "orlovami" {
			t.Errorf("tried as %q", a.Login)
		}
	}
}

func TestNothingIsWrittenWithoutAMatch(t *testing.T) {
	evidence, profile := teacher(t)
	profile.SNILS = "08765430300"
	s := &shelf{evidence: evidence}
	if result := activate(t, s, profile); result.Verdict.Decision == match.Match || len(s.took) != 0 {
		t.Errorf("another СНИЛС: %+v, written %+v", result, s.took)
	}
}

func TestStoreFailure(t *testing.T) {
	evidence, profile := teacher(t)
	down := errors.New("disk full")
	s := &shelf{evidence: evidence, refuse: func(person.Activation) error { return down }}
	if _, err := provision.NewActivator(s, time.UTC, provision.ActivatorOptions{}).Activate(t.Context(), provision.Request{Profile: profile}, now); !errors.Is(err, down) || len(s.took) != 1 {
		t.Errorf("%v after %d writes", err, len(s.took))
	}
}
