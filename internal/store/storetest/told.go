package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/queue"
)

// told gives the ids of what was decided about somebody.
func (s *suite) told(t *testing.T, id identity.PersonID, subjects ...identity.Subject) (ids []string) {
	t.Helper()
	list, err := s.db.Queue().Told(t.Context(), id, subjects...)
	check(t, err)
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// testDecisionsTold: what was decided is found by the city account that asked, before
// there was anybody, by the person who was moved, and by the question; taken back too.
func testDecisionsTold(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	refusal := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "другой человек"})
	if got := s.told(t, identity.PersonID{}, fresh.Subject); !slices.Equal(got, []string{refusal.ID}) {
		t.Errorf("before there was anybody: %q", got)
	}
	if got := s.told(t, done.Person, old.Subject); len(got) != 0 {
		t.Errorf("of whoever has the records: %q", got)
	}
	s.undo(t, refusal.ID, nil)
	if _, err := s.db.Queue().MovedFrom(t.Context(), old.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody was moved: %v", err)
	}
	s.now = s.now.Add(time.Hour)
	moved := s.transfer(t, s.question(t).ID)
	both := []string{moved.ID, refusal.ID}
	if got := s.told(t, done.Person, fresh.Subject); !slices.Equal(got, both) {
		t.Errorf("of the person: %q, want %q", got, both)
	}
	if d, err := s.db.Queue().MovedFrom(t.Context(), old.Subject); err != nil || d.ID != moved.ID || d.Person != done.Person {
		t.Errorf("%+v, %v", d, err)
	}
	stem, _ := queue.Split(item.ID)
	if list, err := s.db.Queue().Answers(t.Context(), stem); err != nil || len(list) != 2 || list[0].ID != moved.ID {
		t.Errorf("on the question: %+v, %v", list, err)
	}
	s.now = s.now.Add(time.Hour)
	s.undo(t, moved.ID, nil)
	if got := s.told(t, done.Person, old.Subject); !slices.Equal(got, []string{moved.ID}) {
		t.Errorf("of the person who is back: %q", got)
	}
	if _, err := s.db.Queue().MovedFrom(t.Context(), old.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("moved back: %v", err)
	}
}
