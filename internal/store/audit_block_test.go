package store

import (
	"bytes"
	"slices"
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
	entries = append(entries, identity.AuditEntry{Kind: "sign_in", Payload: large}, identity.AuditEntry{Kind: "sign_in_refused"},
		identity.AuditEntry{Kind: "sign_in"}, identity.AuditEntry{Kind: "config"}, identity.AuditEntry{Kind: "config"}, identity.AuditEntry{Kind: "sign_in"})
	lines := auditLines(entries)
	var sizes []int
	var blocks []bool
	for _, l := range lines {
		sizes, blocks = append(sizes, len(l)), append(blocks, l.block())
	}
	if !slices.Equal(sizes, []int{blockEntries, 1, 1, 2, 1, 1, 1}) || !slices.Equal(blocks, []bool{true, true, true, true, false, false, true}) {
		t.Errorf("lines of %v entries, blocks %v", sizes, blocks)
	}
	if l, _, err := unpack(new(packer).pack(lines[2]), nil); err != nil || len(l) != 1 || !bytes.Equal(l[0].Payload, large) {
		t.Errorf("%d entries, %v", len(l), err)
	}
	most := line{{Kind: "sign_in", Payload: make([]byte, maxPayload)}}
	if l, _, err := unpack(new(packer).pack(most), nil); err != nil || len(l) != 1 {
		t.Errorf("%d entries, %v", len(l), err)
	}
	if _, _, err := unpack(s2.Encode(nil, make([]byte, blockLimit+1)), nil); err == nil {
		t.Error("a block larger than any")
	}
}

func TestMentions(t *testing.T) {
	l := line{{Kind: "a", Person: identity.PersonID{1}}, {Kind: "a"}, {Kind: "b", Person: identity.PersonID{1}}, {Kind: "a"}}
	var p packer
	mentions, err := p.mentions(slices.Clone(p.pack(l)), 77)
	if err != nil {
		t.Fatal(err)
	}
	var packed []byte
	for _, m := range mentions {
		packed = m.appendTo(packed)
	}
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
	f.Add(new(packer).pack(line{{At: time.Unix(1_800_000_000, 0), Kind: "sign_in", Person: identity.PersonID{1}, Payload: []byte("{}")}, {}}))
	f.Add(new(packer).pack(line{{At: time.Unix(-1<<40, 0)}})) // long before the year 1
	f.Add(s2.Encode(nil, bytes.Repeat([]byte{0xff}, 40)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, block []byte) {
		l, latest, err := unpack(block, nil)
		if err != nil {
			return
		}
		again, _, err := unpack(new(packer).pack(l), nil)
		if err != nil || len(again) != len(l) {
			t.Fatalf("%d entries, %v, want %d", len(again), err, len(l))
		}
		if mentions, err := new(packer).mentions(block, 1); err != nil || !slices.ContainsFunc(mentions, func(m mention) bool {
			return m.tag == personTag(l[0].Person) && m.kinds&kindBit(l[0].Kind) != 0
		}) {
			t.Fatalf("%+v do not mention somebody, %v", mentions, err)
		}
		own, same, err := unpack(block, &l[0].Person)
		if err != nil || len(own) == 0 || !same.Equal(latest) || micros(latest) != l.latest() {
			t.Fatalf("%d entries of one, %v, %v and %v", len(own), err, same, latest)
		}
		for i, e := range again {
			if !e.At.Equal(l[i].At) || e.Person != l[i].Person || e.Kind != l[i].Kind || !bytes.Equal(e.Payload, l[i].Payload) {
				t.Fatalf("%+v, want %+v", e, l[i])
			}
		}
	})
}
