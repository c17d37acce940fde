package wifi

import "testing"

// BenchmarkDaemon measures ours alone.
func BenchmarkDaemon(b *testing.B) {
	w := newWorld(b, 10000)
	s, _ := w.daemon(b, setting{})
	for name, work := range map[string]func(int) plain{"pap": pap, "mschapv2": mschapv2, "accounting": accounting} {
		b.Run(name, func(b *testing.B) {
			f, err := work(b.N).run(b, s)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(f.Value, "µs-cpu/op")
			b.ReportMetric(f.Rate, "/s")
			b.ReportMetric(s.resident(b), "MiB-rss")
			b.ReportMetric(0, "ns/op")
		})
	}
}
