//go:build linux

package ldap

import (
	"cmp"
	"testing"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/load"
)

// BenchmarkDaemon measures ours alone, for who works on it; -serverprofile
// writes where its time goes.
//
//	go test -run '^$' -bench Daemon/search$ -benchtime 200000x ./bench/ldap -serverprofile cpu.prof
func BenchmarkDaemon(b *testing.B) {
	w := newWorld(b, cmp.Or(*people, usual))
	s, _ := w.daemon(b)
	bench := func(name string, run func(n int) (stand.Figure, error)) {
		b.Run(name, func(b *testing.B) {
			f, err := run(b.N)
			stand.Must(b, err)
			b.ReportMetric(f.Value, "µs-cpu/op")
			b.ReportMetric(f.Rate, "ops/s")
			b.ReportMetric(s.Resident(b), "MiB-rss")
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, work := range load.LDAPWorks() {
		for name, secure := range map[string]bool{"": false, "-tls": true} {
			bench(string(work)+name, func(n int) (stand.Figure, error) {
				return turns{work: work, secure: secure, n: n}.run(b, s)
			})
		}
	}
	for name, secure := range map[string]bool{"idle": false, "idle-tls": true} {
		b.Run(name, func(b *testing.B) {
			f, err := idle{n: b.N, secure: secure}.run(b, s)
			stand.Must(b, err)
			b.ReportMetric(f.Value, "KiB/connection")
			b.ReportMetric(0, "ns/op")
		})
	}
}
