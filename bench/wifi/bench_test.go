//go:build linux

package wifi

import (
	"crypto/tls"
	"testing"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/eappeer"
)

// BenchmarkDaemon measures ours alone, for who works on it; -serverprofile
// writes where its time goes.
//
//	go test -run '^$' -bench Daemon/ttls-pap/tls13 -benchtime 2000x ./bench/wifi -serverprofile cpu.prof
func BenchmarkDaemon(b *testing.B) {
	w := newWorld(b, 10_000)
	s, _ := w.daemon(b, setting{})
	bench := func(name string, work func(n int) (stand.Figure, error)) {
		b.Run(name, func(b *testing.B) {
			f, err := work(b.N)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(f.Value, "µs-cpu/op")
			b.ReportMetric(f.Rate, "ops/s")
			b.ReportMetric(s.Resident(b), "MiB-rss")
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, p := range []struct {
		name string
		work func(int) plain
	}{{"pap", pap}, {"mschapv2", mschapv2}, {"accounting", accounting}} {
		bench(p.name, func(n int) (stand.Figure, error) { return p.work(n).run(b, s) })
	}
	for _, method := range []eappeer.Method{eappeer.TTLSPAP, eappeer.TTLSMSCHAPv2, eappeer.PEAPMSCHAPv2} {
		for name, version := range map[string]uint16{"tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13} {
			for how, resumed := range map[string]bool{"full": false, "resumed": true} {
				bench(method.String()+"/"+name+"/"+how, func(n int) (stand.Figure, error) {
					return tunnel{method: method, version: version, resumed: resumed, n: n}.run(b, s)
				})
			}
		}
	}
}
