package main

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision/queue"
)

// TestProblemsAfterBind: of somebody whose account works and whom a curator has bound
// the list asks nothing, though the try stays until the next activation.
func TestProblemsAfterBind(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	f.mos("/sim/user/orlovami", `{"last":"Орловская"}`)
	if problem := f.activates("orlovami", sitePassword); problem != "FIO_MISMATCH" {
		t.Fatalf("the page says %q", problem)
	}
	if !eventually(func() bool { return len(f.listed("FIO_MISMATCH")) == 1 }) {
		t.Fatal("no line")
	}
	if o := f.listed("FIO_MISMATCH")[0]; !strings.Contains(o.Who, "сотрудник") {
		t.Errorf("%+v", o)
	}
	f.inStore(func(db *store.DB) error {
		var item queue.Item
		if err := db.Queue().Each(t.Context(), "", false, func(i queue.Item) error { item = i; return nil }); err != nil {
			return err
		}
		_, err := db.Queue().Decide(t.Context(), queue.Decision{Item: item.ID, Verb: queue.Bind, Records: []person.RecordRef{kadry1}, By: "curator"}, time.Now())
		return err
	})
	list := f.listed("FIO_MISMATCH")
	if len(list) != 1 || list[0].Who != "никто: так и должно быть" || !strings.Contains(list[0].Meaning, "куратор уже решил") || !strings.HasPrefix(list[0].Remedy, "Делать ничего не нужно") {
		t.Errorf("%+v", list)
	}
	if _, _, code := f.command("problems", "--config", f.path("config.yaml")); code != exitFindings { // the pupil has not activated
		t.Errorf("exit %d", code)
	}
}
