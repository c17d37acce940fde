//go:build linux && peers

package wifi

import (
	"crypto/tls"
	"fmt"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/eappeer"
)

// sizes are how much of everything is done.
type sizes struct {
	people, plain, records, tunnels, half int
	rate                                  float64
	steady                                time.Duration
	rounds                                int
}

var (
	tiny  = sizes{people: 150, plain: 300, records: 200, tunnels: 40, half: 60, rate: 200, steady: time.Second, rounds: 1}
	small = sizes{people: 2000, plain: 20_000, records: 5000, tunnels: 500, half: 2000, rate: 2000, steady: 3 * time.Second, rounds: 1}
	// The audit trail lets 100,000 sign-ins wait for the disk.
	whole = sizes{people: 10_000, plain: 60_000, records: 20_000, tunnels: 2000, half: 10_000, rate: 2000, steady: 10 * time.Second, rounds: 5}
)

// groups are all rows.
func (w *world) groups(z sizes) []stand.Group[*server] {
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	full := func(m eappeer.Method, version uint16) tunnel {
		return tunnel{method: m, version: version, n: z.tunnels}
	}
	back := func(m eappeer.Method, version uint16) tunnel {
		return tunnel{method: m, version: version, n: z.tunnels, resumed: true}
	}
	return []stand.Group[*server]{
		{Start: w.start(setting{}), Rows: []stand.Row[*server]{
			{Name: "PAP", Unit: stand.CPU, Run: pap(z.plain).run, Ratio: 3},
			{Name: "MS-CHAPv2", Unit: stand.CPU, Run: mschapv2(z.plain).run, Ratio: 2.5},
			{Name: "PAP, 2000/s, p99", Unit: stand.MS, Run: steady{z.rate, z.steady}.run, Most: 0.5},
			{Name: "PAP, 500/s beside accounting, p99", Unit: stand.MS, Run: beside{steady{z.rate / 4, z.steady}, accounting(z.records)}.run},
			{Name: "accounting (FreeRADIUS keeps nothing)", Unit: stand.CPU, Run: accounting(z.records).run},
			{Name: "accounting (FreeRADIUS: detail file)", Unit: stand.CPU, Run: keptAccounting(z.records).run},
			{Name: "accounting (FreeRADIUS: SQLite)", Unit: stand.CPU, Run: searchableAccounting(z.records).run},
			{Name: "TTLS/PAP, full, P-256, TLS 1.2", Unit: stand.CPU, Run: full(eappeer.TTLSPAP, v12).run, Ratio: 2},
			{Name: "TTLS/PAP, full, P-256, TLS 1.3", Unit: stand.CPU, Run: full(eappeer.TTLSPAP, v13).run, Ratio: 2},
			{Name: "TTLS/MSCHAPv2, full, P-256, TLS 1.2", Unit: stand.CPU, Run: full(eappeer.TTLSMSCHAPv2, v12).run},
			{Name: "PEAP-MSCHAPv2, full, P-256, TLS 1.2", Unit: stand.CPU, Run: full(eappeer.PEAPMSCHAPv2, v12).run, Ratio: 1.9},
			{Name: "PEAP-MSCHAPv2, full, P-256, TLS 1.3", Unit: stand.CPU, Run: full(eappeer.PEAPMSCHAPv2, v13).run, Ratio: 1.9},
		}},
		{Start: w.start(setting{resumption: true}), Rows: []stand.Row[*server]{
			{Name: "TTLS/PAP, resumed, TLS 1.2", Unit: stand.CPU, Run: back(eappeer.TTLSPAP, v12).run, Ratio: 5},
			{Name: "TTLS/PAP, resumed, TLS 1.3", Unit: stand.CPU, Run: back(eappeer.TTLSPAP, v13).run, Ratio: 2.5},
			{Name: "PEAP-MSCHAPv2, resumed, TLS 1.2", Unit: stand.CPU, Run: back(eappeer.PEAPMSCHAPv2, v12).run, Ratio: 5},
			{Name: "PEAP-MSCHAPv2, resumed, TLS 1.3", Unit: stand.CPU, Run: back(eappeer.PEAPMSCHAPv2, v13).run, Ratio: 2.5},
		}},
		{Start: w.start(setting{rsa: true}), Rows: []stand.Row[*server]{
			{Name: "TTLS/PAP, full, RSA-2048, TLS 1.2", Unit: stand.CPU, Run: full(eappeer.TTLSPAP, v12).run, Ratio: 0.7},
			{Name: "PEAP-MSCHAPv2, full, RSA-2048, TLS 1.2", Unit: stand.CPU, Run: full(eappeer.PEAPMSCHAPv2, v12).run, Ratio: 0.7},
			{Name: "PEAP-MSCHAPv2, full, RSA-2048, TLS 1.3", Unit: stand.CPU, Run: full(eappeer.PEAPMSCHAPv2, v13).run, Ratio: 0.7},
		}},
		{Start: w.start(setting{}), Fresh: true, Rows: []stand.Row[*server]{
			{Name: fmt.Sprintf("memory, %d users", z.people), Unit: stand.MiB, Run: resident{}.run, Most: 40},
			{Name: fmt.Sprintf("memory, with %d half-open EAP sessions", z.half), Unit: stand.MiB, Run: halfOpen{z.half}.run, Most: 200},
		}},
	}
}
