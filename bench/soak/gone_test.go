package soak

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/wire"
)

// TestStoreGone: while the store can neither be read nor written, people whom
// the daemon has seen go on; accounting is left to the access points; metrics and
// readiness tell of it, and explain shows afterwards what happened meanwhile.
func TestStoreGone(t *testing.T) {
	s := newSchool(t, 3, 1, 1, inFile)
	d := startDaemon(t, s, s.fronts[0])
	s.activateAll(t, d)
	w := newWorld(s, d, newOracle(false, &s.history))
	defer w.close()
	close(w.ending) // no sessions but our own
	p := s.people[0]
	lets := func(h how) bool {
		return strings.HasSuffix(w.try(t.Context(), p.devices[h], p.now(), p.now().password, false).Outcome, " accepted")
	}
	if !until(time.Minute, func() bool { return lets(pap) && lets(mschapv2) && lets(peap) }) {
		t.Fatal("the daemon admits nobody")
	}
	release, err := w.takeStore(storeClosed)
	must(t, err)
	for range 10 {
		for h := pap; h <= peap; h++ {
			if !lets(h) && !until(time.Minute, func() bool { return lets(h) }) {
				t.Errorf("somebody seen lately does not come in by %v", h)
			}
		}
	}
	point := nas.Point{Identifier: "ap-0", Calling: p.devices[pap].mac}
	session := nas.Session{Name: p.profile.Login, ID: "gone"}
	if _, err := point.Account(t.Context(), some(w.acct), session, nas.Start); !errors.Is(err, wire.ErrNoAnswer) {
		t.Errorf("accounting that nobody keeps is answered: %v", err)
	}
	if !until(2*time.Minute, func() bool {
		m, err := d.metrics()
		return err == nil && m["schoolbridge_directory_faults_total"] > 0 && m["schoolbridge_telemetry_audit_failures_total"] > 0 &&
			m[`schoolbridge_radiussrv_results_total{result="accounting_lost"}`] > 0 && !d.ready()
	}) {
		t.Error("metrics and readiness do not show that the store is gone")
	}
	release()
	if !until(2*time.Minute, d.ready) {
		t.Error("the store is back, and the daemon is not ready")
	}
	if !until(2*time.Minute, func() bool {
		_, err := point.Account(t.Context(), some(w.acct), session, nas.Start)
		return err == nil
	}) {
		t.Error("the store is back, and accounting is not kept")
	}
	if !until(time.Minute, func() bool {
		out, err := d.command("explain", p.profile.Login, "--json")
		var report struct {
			SignIns []struct{ Outcome string } `json:"sign_ins"`
		}
		return err == nil && json.Unmarshal([]byte(out), &report) == nil && len(report.SignIns) >= 40
	}) {
		t.Error("explain does not show the sign-ins of that time")
	}
	d.stop(t)
}
