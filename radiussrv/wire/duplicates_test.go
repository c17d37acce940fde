package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// numbered makes keys that are told apart by a number alone.
func numbered(i int) *requestKey {
	key := &requestKey{id: byte(i), port: 1812}
	binary.BigEndian.PutUint64(key.authenticator[8:], uint64(i))
	return key
}

// repliesTo gives bytes that only one request was answered with.
func replyTo(i, size int) []byte {
	b := bytes.Repeat([]byte{byte(i)}, size)
	binary.BigEndian.PutUint32(b, uint32(i))
	return b
}

// Whatever falls out of the table, in whatever order requests are answered or
// given up: a repeat gets its own reply or none.
func TestDuplicatesAgainstATableWithoutBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(1000, 0)
	d := newDuplicates(256, now)
	var open []int
	tickets := map[int]ticket{}
	answered := map[int][]byte{}
	answeredAt, begunAt := map[int]time.Time{}, map[int]time.Time{}
	repeats, held := 0, 0
	for i := range 50_000 {
		now = now.Add(time.Duration(random.IntN(int(2 * time.Millisecond))))
		tk, was, _ := d.begin(numbered(i), now, nil)
		if was != seenNever {
			t.Fatalf("request %d was seen before: %v", i, was)
		}
		tickets[i], begunAt[i], open = tk, now, append(open, i)
		if len(open) > 50 {
			at := random.IntN(len(open))
			n := open[at]
			open = append(open[:at], open[at+1:]...)
			if tickets[n].shard == nil {
				// Fell out, and is in flight a second time.
			} else if random.IntN(10) == 0 {
				tickets[n].forget()
				delete(begunAt, n)
			} else {
				answered[n], answeredAt[n] = replyTo(n, 20+random.IntN(400)), now
				tickets[n].finish(answered[n], d.age(now))
			}
		}
		old := max(i-random.IntN(400), 0)
		_, was, reply := d.begin(numbered(old), now, nil)
		repeats++
		switch was {
		case seenAnswered:
			held++
			if !bytes.Equal(reply, answered[old]) || now.Sub(answeredAt[old]) >= keepReply {
				t.Fatalf("request %d was repeated with another reply, or after %v", old, now.Sub(answeredAt[old]))
			}
		case seenInFlight:
			if _, there := begunAt[old]; !there || answered[old] != nil {
				t.Fatalf("request %d is in flight, and it is not", old)
			}
		default: // it is now in flight again
			tickets[old], begunAt[old] = ticket{}, now
			delete(answered, old)
			delete(answeredAt, old)
		}
	}
	if held < repeats/10 {
		t.Errorf("only %d of %d repeats found their reply", held, repeats)
	}
}

func TestDuplicatesAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	d := newDuplicates(64, now)
	const sent = 10_000
	for i := range sent {
		tk, _, _ := d.begin(numbered(i), now, nil)
		tk.finish(replyTo(i, 100), d.age(now))
	}
	kept := 0
	for i := range sent {
		if _, was, _ := d.begin(numbered(i), now, nil); was == seenAnswered {
			kept++
		}
	}
	if kept > 64 {
		t.Errorf("%d replies are kept, want at most 64", kept)
	}
}

// A whole reply of the greatest size is kept, and repeated, at any place in the
// ring.
func TestDuplicatesKeepTheGreatestReply(t *testing.T) {
	now := time.Unix(1000, 0)
	d := newDuplicates(1, now)
	for i := range 1000 {
		tk, _, _ := d.begin(numbered(i), now, nil)
		want := replyTo(i, maxPacket-i)
		tk.finish(want, d.age(now))
		if _, was, got := d.begin(numbered(i), now, []byte("room for it")[:0]); was != seenAnswered || !bytes.Equal(got, want) {
			t.Fatalf("a reply of %d bytes came back as %v, %d bytes", len(want), was, len(got))
		}
	}
}

// Numbers of requests run over after four billion of them in a shard.
func TestDuplicatesRunOver(t *testing.T) {
	now := time.Unix(1000, 0)
	d := newDuplicates(16*shardCount, now)
	for i := range d.shards {
		d.shards[i].oldest, d.shards[i].next = 1<<32-5, 1<<32-5
	}
	for i := range 1000 {
		tk, _, _ := d.begin(numbered(i), now, nil)
		tk.finish(replyTo(i, 100), d.age(now))
		for back := range min(i+1, 4) {
			if _, was, got := d.begin(numbered(i-back), now, nil); was != seenAnswered || !bytes.Equal(got, replyTo(i-back, 100)) {
				t.Fatalf("after request %d, %d is %v", i, i-back, was)
			}
		}
	}
}

// What is seldom used stays where memory is in use already.
func TestDuplicatesOfASmallSchoolStaySmall(t *testing.T) {
	now := time.Unix(1000, 0)
	d := newDuplicates(65536, now)
	for i := range 10_000 {
		now = now.Add(10 * time.Second)
		tk, _, _ := d.begin(numbered(i), now, nil)
		tk.finish(replyTo(i, 200), d.age(now))
	}
	for i := range d.shards {
		for _, b := range d.shards[i].replies[4096:] {
			if b != 0 {
				t.Fatal("replies that nobody could ask for any more were not written over")
			}
		}
	}
}
