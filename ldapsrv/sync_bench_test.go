package ldapsrv

import (
	"fmt"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/wire"
)

// BenchmarkPoll is a job that comes again: three people have changed since, of few
// and of many. It costs the same.
func BenchmarkPoll(b *testing.B) {
	for _, n := range []uint32{20_000, 300_000} {
		people := crowd(n)
		for i, e := range people {
			e.Seq = uint64(i + 1)
		}
		w := start(b, nil, people...)
		w.src.at.Seq = uint64(n)
		if err := w.auth.d.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		for i := range uint64(3) {
			e := *people[i*1000]
			e.Seq, e.Mail = uint64(n)+1+i, "new@example.org"
			w.src.changes, w.src.at.Seq = []directory.Change{{Entry: &e}}, e.Seq
			if _, err := w.auth.d.Step(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		query := searchBody(testPeople, 2, equality("objectClass", "posixAccount"), "uid", "cn", "mail")
		tag := w.server.syncs.tag(uint64(n), 0, w.server.syncs.binding(nil, reader, query))
		cookie := syncCookie(uint64(n), tag)
		numbers := wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, "uSNChanged"), wire.TagOctets, fmt.Sprint(n+1))
		for name, request := range map[string][]byte{
			"sync": controlled(2, wire.OpSearchRequest, query, oidSyncRequest, append([]byte{0x30, byte(5 + len(cookie)), 0x0a, 1, 1, 4, byte(len(cookie))}, cookie...)),
			"usn":  message(2, wire.OpSearchRequest, searchBody(testPeople, 2, wire.AppendTLV(nil, 0xa5, numbers), "uid", "cn", "mail")),
		} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				c := dialRaw(b, w.plain)
				exchange := func(bytes []byte) {
					if _, err := c.Write(bytes); err != nil {
						b.Fatal(err)
					}
					c.until(b, 1)
				}
				exchange(message(1, wire.OpBindRequest, bindBody(reader, secret)))
				begin := cpu()
				b.ReportAllocs()
				b.ResetTimer()
				for b.Loop() {
					exchange(request)
				}
				if c.entries != 3*b.N {
					b.Errorf("%d polls brought %d entries", b.N, c.entries)
				}
				b.ReportMetric(float64(cpu()-begin)/float64(b.N)/1000, "µs-cpu-both/op")
			})
		}
	}
}

// controlled is a message with a control.
func controlled(id int32, op byte, body []byte, oid string, value []byte) []byte {
	b, at := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, id), op, body)
	return wire.End(wire.AppendControls(b, wire.AppendControl(nil, oid, value)), at)
}
