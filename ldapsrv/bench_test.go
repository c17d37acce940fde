package ldapsrv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// crowd makes people for measuring.
func crowd(n uint32) []*directory.Entry {
	list := make([]*directory.Entry, n)
	for i := range list {
		e := testPerson(100_000+uint32(i), fmt.Sprintf("user%d", i), "Ученикова", "Мария", at(person.RolePupil, "49", "5А"))
		e.Person[1], e.Person[2], e.UUID[1] = byte(i>>16), 1, byte(i>>16)
		list[i] = e
	}
	return list
}

// rawClient is the cheapest client there is: ready requests out, answers
// counted by their last message.
type rawClient struct {
	net.Conn
	in      *bufio.Reader
	entries int // that came
}

func dialRaw(b *testing.B, address string) *rawClient {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return &rawClient{c, bufio.NewReaderSize(c, 64<<10), 0}
}

// until reads answers up to n messages that are no entries.
func (c *rawClient) until(b *testing.B, n int) {
	for n > 0 {
		head, err := c.in.Peek(2)
		if err != nil {
			b.Fatal(err)
		}
		size, header := int(head[1]), 2
		if size > 0x80 {
			more := size & 0x7f
			head, _ = c.in.Peek(2 + more)
			size, header = 0, 2+more
			for _, x := range head[2:] {
				size = size<<8 | int(x)
			}
		}
		whole, err := c.in.Peek(header + min(size, 12))
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := wire.Next(whole[header:]) // the id
		if rest[0] != wire.OpSearchResultEntry {
			n--
		} else {
			c.entries++
		}
		if _, err := io.CopyN(io.Discard, c.in, int64(header+size)); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the processor time of this process: server and client together.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for ourselves
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, requests []byte, answers int, per float64) {
	w := start(b, func(o *Options) { o.Entries = 1 << 30 }, crowd(10_000)...)
	c := dialRaw(b, w.plain)
	exchange := func(bytes []byte, n int) {
		if _, err := c.Write(bytes); err != nil {
			b.Fatal(err)
		}
		c.until(b, n)
	}
	exchange(message(1, wire.OpBindRequest, bindBody(reader, secret)), 1)
	begin := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		exchange(requests, answers)
	}
	b.ReportMetric(float64(cpu()-begin)/float64(b.N)/per/1000, "µs-cpu-both/op")
}

func BenchmarkSearchUID(b *testing.B) {
	benchmark(b, message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("uid", "user77"), "uid", "cn", "uidNumber", "mail")), 1, 1)
}

func BenchmarkSearchWholeEntry(b *testing.B) {
	benchmark(b, message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("uid", "user77"), "*", "+")), 1, 1)
}

func BenchmarkServiceBind(b *testing.B) {
	benchmark(b, message(2, wire.OpBindRequest, bindBody(reader, secret)), 1, 1)
}

// 32 searches in flight.
func BenchmarkPipelined(b *testing.B) {
	var batch []byte
	for i := range int32(32) {
		batch = append(batch, message(i+2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("uid", fmt.Sprintf("user%d", 7*i)), "uid", "cn", "uidNumber", "mail"))...)
	}
	benchmark(b, batch, 32, 32)
}

// Everybody, as clients that mirror the directory ask.
func BenchmarkDump(b *testing.B) {
	benchmark(b, message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("objectClass", "posixAccount"), "uid", "cn", "sn", "mail", "uidNumber", "gidNumber")), 1, 10_000)
}

// A filter that no index answers, held against everybody.
func BenchmarkWalk(b *testing.B) {
	filter := wire.AppendTLV(nil, wire.TagOctets, "cn")
	filter, list := wire.Begin(filter, wire.TagSequence)
	filter = wire.End(wire.AppendTLV(filter, 0x81, "петр"), list)
	benchmark(b, message(2, wire.OpSearchRequest, searchBody(testPeople, 2, wire.AppendTLV(nil, 0xa4, filter), "uid")), 1, 10_000)
}

// Who has a surname, in the order in which pages would show them.
func BenchmarkSearchSurname(b *testing.B) {
	benchmark(b, message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("sn", "БЕЛОВ"), "uid", "cn")), 1, 1)
}

func BenchmarkPersonBind(b *testing.B) {
	benchmark(b, message(2, wire.OpBindRequest, bindBody(personName("user77"), password)), 1, 1)
}
