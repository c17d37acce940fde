package store

import (
	"bytes"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"schoolbridge/internal/identity"
)

func TestAuditLines(t *testing.T) {
	large := make([]byte, blockBytes)
	var entries []identity.AuditEntry
	for range blockEntries + 1 {
		entries = append(entries, identity.AuditEntry{Kind: "sign_in"})
	}
	entries = append(entries, identity.AuditEntry{Kind: "large", Payload: large}, identity.AuditEntry{Payload: large}, identity.AuditEntry{Kind: "config"})
	lines := auditLines(entries)
	var sizes []int
	for _, l := range lines {
		sizes = append(sizes, len(l))
	}
	if len(sizes) != 5 || sizes[0] != blockEntries || sizes[1] != 1 || sizes[2] != 1 || sizes[3] != 1 || sizes[4] != 1 {
		t.Errorf("lines of %v entries", sizes)
	}
	if !lines[2].alone() || lines[3].alone() || !lines[4].alone() {
		t.Error("an entry without a kind must be a block, any other single one a line")
	}
	if l, err := unpack(lines[3].pack()); err != nil || len(l) != 1 || !bytes.Equal(l[0].Payload, large) {
		t.Errorf("%d entries, %v", len(l), err)
	}
}

func TestMentions(t *testing.T) {
	l := line{{Kind: "a", Person: identity.PersonID{1}}, {Kind: "a"}, {Kind: "b", Person: identity.PersonID{1}}, {Kind: "a"}}
	packed := packMentions(l.mentions(77))
	if len(packed) != 2*mentionBytes {
		t.Fatalf("%d bytes", len(packed))
	}
	want := []mention{{0, 77, kindBit("a")}, {personTag(identity.PersonID{1}), 77, kindBit("a") | kindBit("b")}}
	for i, w := range want {
		if m := unpackMention(packed[i*mentionBytes:]); m != w {
			t.Errorf("%+v, want %+v", m, w)
		}
	}
}

func FuzzUnpackBlock(f *testing.F) {
	f.Add(line{{At: time.Unix(1_800_000_000, 0), Kind: "sign_in", Person: identity.PersonID{1}, Payload: []byte("{}")}, {}}.pack())
	f.Add(s2.Encode(nil, bytes.Repeat([]byte{0xff}, 40)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, block []byte) {
		l, err := unpack(block)
		if err != nil {
			return
		}
		again, err := unpack(l.pack())
		if err != nil || len(again) != len(l) {
			t.Fatalf("%d entries, %v, want %d", len(again), err, len(l))
		}
		for i, e := range again {
			if !e.At.Equal(l[i].At) || e.Person != l[i].Person || e.Kind != l[i].Kind || !bytes.Equal(e.Payload, l[i].Payload) {
				t.Fatalf("%+v, want %+v", e, l[i])
			}
		}
	})
}
