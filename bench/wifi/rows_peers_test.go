//go:build peers

package wifi

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
)

// work is what is done and measured.
type work interface {
	run(t testing.TB, s *server) (figure, error)
}

// row is a line of the table.
type row struct {
	name string
	unit string
	work work
	// What the design demands: the peer's figure divided by ours, and ours alone.
	// 0: nothing.
	ratio, most float64
}

// group is rows that servers are started for.
type group struct {
	setting
	fresh bool // new servers for every round
	rows  []row
}

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

const (
	cpu = "µs"
	ms  = "ms"
	mib = "MiB"
)

// groups are all rows.
func groups(z sizes) []group {
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	full := func(m eappeer.Method, version uint16) tunnel {
		return tunnel{method: m, version: version, n: z.tunnels}
	}
	back := func(m eappeer.Method, version uint16) tunnel {
		return tunnel{method: m, version: version, n: z.tunnels, resumed: true}
	}
	return []group{
		{rows: []row{
			{name: "PAP", unit: cpu, work: pap(z.plain), ratio: 3},
			{name: "MS-CHAPv2", unit: cpu, work: mschapv2(z.plain), ratio: 2.5},
			{name: "PAP, 2000/s, p99", unit: ms, work: steady{z.rate, z.steady}, most: 0.5},
			{name: "PAP, 500/s beside accounting, p99", unit: ms, work: beside{steady{z.rate / 4, z.steady}, accounting(z.records)}},
			{name: "accounting (FreeRADIUS keeps nothing)", unit: cpu, work: accounting(z.records)},
			{name: "accounting (FreeRADIUS: detail file)", unit: cpu, work: keptAccounting(z.records)},
			{name: "TTLS/PAP, full, P-256, TLS 1.2", unit: cpu, work: full(eappeer.TTLSPAP, v12), ratio: 2},
			{name: "TTLS/PAP, full, P-256, TLS 1.3", unit: cpu, work: full(eappeer.TTLSPAP, v13), ratio: 2},
			{name: "TTLS/MSCHAPv2, full, P-256, TLS 1.2", unit: cpu, work: full(eappeer.TTLSMSCHAPv2, v12)},
			{name: "PEAP-MSCHAPv2, full, P-256, TLS 1.2", unit: cpu, work: full(eappeer.PEAPMSCHAPv2, v12), ratio: 1.9},
			{name: "PEAP-MSCHAPv2, full, P-256, TLS 1.3", unit: cpu, work: full(eappeer.PEAPMSCHAPv2, v13), ratio: 1.9},
		}},
		{setting: setting{resumption: true}, rows: []row{
			{name: "TTLS/PAP, resumed, TLS 1.2", unit: cpu, work: back(eappeer.TTLSPAP, v12), ratio: 5},
			{name: "TTLS/PAP, resumed, TLS 1.3", unit: cpu, work: back(eappeer.TTLSPAP, v13), ratio: 2.5},
			{name: "PEAP-MSCHAPv2, resumed, TLS 1.2", unit: cpu, work: back(eappeer.PEAPMSCHAPv2, v12), ratio: 5},
			{name: "PEAP-MSCHAPv2, resumed, TLS 1.3", unit: cpu, work: back(eappeer.PEAPMSCHAPv2, v13), ratio: 2.5},
		}},
		{setting: setting{rsa: true}, rows: []row{
			{name: "TTLS/PAP, full, RSA-2048, TLS 1.2", unit: cpu, work: full(eappeer.TTLSPAP, v12), ratio: 0.7},
			{name: "PEAP-MSCHAPv2, full, RSA-2048, TLS 1.2", unit: cpu, work: full(eappeer.PEAPMSCHAPv2, v12), ratio: 0.7},
			{name: "PEAP-MSCHAPv2, full, RSA-2048, TLS 1.3", unit: cpu, work: full(eappeer.PEAPMSCHAPv2, v13), ratio: 0.7},
		}},
		{fresh: true, rows: []row{
			{name: fmt.Sprintf("memory, %d users", z.people), unit: mib, work: resident{}, most: 40},
			{name: fmt.Sprintf("memory, with %d half-open EAP sessions", z.half), unit: mib, work: halfOpen{z.half}, most: 200},
		}},
	}
}
