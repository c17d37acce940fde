//go:build linux

// Package wifi measures what Wi-Fi costs the server: the daemon as it is built
// for production, beside FreeRADIUS with a configuration that does nothing more
// than it must. README.md in the folder above says how to run it and to read it.
//
//	make bench-wifi                                     the table, both sides
//	go test -run '^$' -bench . ./bench/wifi             ours alone
//
// The daemon has a store with all people in it, a simulated mos.ru whose events
// it receives, a policy, the audit trail, the metrics and the journal. A server
// has one core, the load the other one; what counts is the server's CPU time,
// read from /proc, for each thing that was asked and answered rightly. Every
// answer is checked: authenticators, keys, proofs; one wrong or missing answer
// and there is no figure.
//
// Limits: Linux. Start reading at rows, then plain.run and tunnel.run.
package wifi

import (
	"testing"

	"schoolbridge/bench/stand"
)

func TestMain(m *testing.M) { stand.Main(m) }
