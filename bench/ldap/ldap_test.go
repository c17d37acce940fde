//go:build linux

// Package ldap measures what LDAP costs the server: the daemon as it is built for
// production, beside OpenLDAP's slapd with the same people, indexes and no log.
// README.md in the folder above says how to run it and to read it.
//
//	make bench-ldap                                     the table, both sides
//	go test -run '^$' -bench . ./bench/ldap             ours alone
//
// The daemon has a store with all people in it, a simulated mos.ru whose events
// it receives, a policy, access rules, the audit trail and the metrics. The load
// is internal/load's, as the command `load ldap` drives it: 16 connections in a
// closed loop with requests that are encoded beforehand. Every answer is checked:
// its result, and how many entries came; one wrong or missing answer and there is
// no figure.
//
// Limits: Linux. Start reading at rows, then turns.run.
package ldap

import (
	"flag"
	"testing"

	"schoolbridge/bench/stand"
)

var people = flag.Int("people", 0, "how many people both sides have; 0: 10,000, with -quick 2,000")

// usual is how many people there are where nothing else is said.
const usual = 10_000

func TestMain(m *testing.M) { stand.Main(m) }
