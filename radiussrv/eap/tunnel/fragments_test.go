package tunnel

import (
	"bytes"
	"testing"
)

func TestFragmentsBothWays(t *testing.T) {
	message := bytes.Repeat([]byte("0123456789"), 300)
	for _, size := range []int{minFragment, 100, 2999, 3000, 3001, 9000} {
		var out outbound
		var in inbound
		out.put(message)
		for n := 1; ; n++ {
			b := out.next(size)
			if len(b) > size {
				t.Fatalf("%d bytes in %d", len(b), size)
			}
			if (b[0]&flagMore != 0) != out.pending() || (b[0]&flagLength != 0) != (n == 1 && out.pending()) {
				t.Fatalf("flags %x of fragment %d", b[0], n)
			}
			whole, complete, err := in.add(b[0], b[1:], maxMessage)
			if err != nil || complete == out.pending() {
				t.Fatal(n, complete, err)
			}
			if complete {
				if !bytes.Equal(whole, message) {
					t.Fatal("another message")
				}
				break
			}
		}
	}
	var out outbound
	if out.put(nil); !bytes.Equal(out.next(minFragment), []byte{0}) || out.pending() {
		t.Error("an empty message")
	}
}

func TestInboundRefuses(t *testing.T) {
	type part struct {
		flags byte
		data  string
	}
	for name, parts := range map[string][]part{
		"start":                   {{flagStart, ""}},
		"length cut":              {{flagLength, "\x00\x00\x00"}},
		"too long, said":          {{flagLength | flagMore, "\x00\x00\x41\x00x"}},
		"too long by sign":        {{flagLength | flagMore, "\xff\xff\xff\xffx"}},
		"too long, done":          {{flagMore, string(make([]byte, maxMessage))}, {0, "x"}},
		"more than said":          {{flagLength | flagMore, "\x00\x00\x00\x01xx"}},
		"less than said":          {{flagLength, "\x00\x00\x00\x03xx"}},
		"another length":          {{flagLength | flagMore, "\x00\x00\x00\x03x"}, {flagLength, "\x00\x00\x00\x02x"}},
		"length later":            {{flagMore, "x"}, {flagLength, "\x00\x00\x00\x02x"}},
		"more, and nothing there": {{flagMore, ""}},
	} {
		var in inbound
		var err error
		for _, p := range parts {
			if err != nil {
				t.Fatalf("%s: early", name)
			}
			_, _, err = in.add(p.flags, []byte(p.data), maxMessage)
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzInbound(f *testing.F) {
	f.Add([]byte{flagLength | flagMore, 6, 0, 0, 0, 3, 'a', 'b', 0, 1, 'c'})
	f.Add([]byte{0, 3, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var in inbound
		for len(b) >= 2 {
			n := min(int(b[1]), len(b)-2)
			whole, _, err := in.add(b[0], b[2:2+n], 400)
			if err != nil {
				return
			}
			if len(whole) > 400 || len(in.buf) > 400 {
				t.Fatal("more than the limit")
			}
			b = b[2+n:]
		}
	})
}
