package wire

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLengths(t *testing.T) {
	for what, one := range map[string]struct {
		in   []byte
		want error
	}{
		"short":                        {[]byte{4, 1, 'x'}, nil},
		"long where short would do":    {[]byte{4, 0x81, 1, 'x'}, nil},
		"Microsoft's four bytes":       {[]byte{4, 0x84, 0, 0, 0, 1, 'x'}, nil},
		"eight bytes":                  {[]byte{4, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}, nil},
		"nine bytes":                   {[]byte{4, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}, ErrBER},
		"indefinite":                   {[]byte{0x30, 0x80, 0, 0}, ErrBER},
		"more than there is":           {[]byte{4, 2, 'x'}, ErrBER},
		"more than anybody has":        {[]byte{4, 0x88, 255, 255, 255, 255, 255, 255, 255, 255}, ErrTooLarge},
		"cut off in the length":        {[]byte{4, 0x82, 1}, ErrBER},
		"cut off before the length":    {[]byte{4}, ErrBER},
		"nothing":                      {nil, ErrBER},
		"a tag of several bytes":       {[]byte{0x1f, 1, 1, 'x'}, ErrBER},
		"the reserved length 0xff":     {[]byte{4, 0xff}, ErrBER},
		"an empty value is no mistake": {[]byte{4, 0}, nil},
	} {
		e, rest, err := Next(one.in)
		if !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", what, err, one.want)
		}
		if err == nil && (e.Tag != 4 || len(rest) != 0 || string(e.Value) != "x" && len(e.Value) > 0) {
			t.Errorf("%s: %v %v", what, e, rest)
		}
	}
}

func TestAppendRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 70000} {
		text := strings.Repeat("x", n)
		direct := AppendTLV(nil, TagOctets, text)
		b, at := Begin([]byte("before"), TagOctets)
		nested := End(append(b, text...), at)
		if !bytes.Equal(direct, nested[6:]) || string(nested[:6]) != "before" {
			t.Errorf("%d bytes: Begin and End differ from AppendTLV", n)
		}
		if e, rest, err := Next(direct); err != nil || len(rest) > 0 || string(e.Value) != text {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []int32{0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, 1<<31 - 1, -1 << 31} {
		value, _, err := Expect(AppendInt(nil, TagInteger, n), TagInteger)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Int(value); err != nil || got != n {
			t.Errorf("%d comes back as %d, %v", n, got, err)
		}
	}
	if _, err := Int(nil); err == nil {
		t.Error("an empty integer passes")
	}
	if _, err := Int(make([]byte, 5)); err == nil {
		t.Error("an integer of five bytes passes")
	}
	if _, err := Bool([]byte{1, 1}); err == nil {
		t.Error("a boolean of two bytes passes")
	}
}

// pdu is a whole request.
func pdu(id int32, op byte, body []byte, more ...byte) []byte {
	b, at := Begin(nil, TagSequence)
	b = AppendInt(b, TagInteger, id)
	b = AppendTLV(b, op, body)
	return End(append(b, more...), at)
}

func content(t testing.TB, b []byte) []byte {
	t.Helper()
	value, _, err := Expect(b, TagSequence)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestParseMessage(t *testing.T) {
	controls, at := Begin(nil, 0xa0)
	controls, one := Begin(controls, TagSequence)
	controls = AppendTLV(controls, TagOctets, "1.2.3")
	controls = append(controls, TagBoolean, 1, 0xff, TagOctets, 1, 'v')
	controls = End(End(controls, one), at)
	m, err := ParseMessage(content(t, pdu(7, OpSearchRequest, []byte("body"), controls...)))
	if err != nil || m.ID != 7 || m.Op != OpSearchRequest || string(m.Body) != "body" || len(m.Controls) != 1 {
		t.Fatalf("%+v %v", m, err)
	}
	if c := m.Controls[0]; string(c.OID) != "1.2.3" || !c.Critical || string(c.Value) != "v" {
		t.Errorf("%+v", c)
	}
	// RFC 4511 section 4: trailing components of a later day are ignored.
	if _, err := ParseMessage(content(t, pdu(7, OpSearchRequest, nil, 0x8b, 1, 'x'))); err != nil {
		t.Errorf("a trailing component: %v", err)
	}
	var many []byte
	for range maxControls + 1 {
		many = append(many, TagSequence, 3, TagOctets, 1, '1')
	}
	for what, b := range map[string][]byte{
		"id 0": pdu(0, OpBindRequest, nil), "a negative id": pdu(-1, OpBindRequest, nil), "a response": pdu(1, OpBindResponse, nil), "a foreign operation": pdu(1, 0x7e, nil),
		"too many controls": pdu(1, OpBindRequest, nil, AppendTLV(nil, 0xa0, many)...), "broken controls": pdu(1, OpBindRequest, nil, 0xa0, 2, 4, 0), "broken trailing": pdu(1, OpBindRequest, nil, 0x8b, 9),
		"no operation": {TagSequence, 3, TagInteger, 1, 1}, "no id": {TagSequence, 2, 4, 0}, "nothing": {TagSequence, 0},
	} {
		if m, err := ParseMessage(content(t, b)); !errors.Is(err, ErrBER) {
			t.Errorf("%s passes: %+v %v", what, m, err)
		}
	}
}

// purse is a budget.
type purse struct{ atomic.Int64 }

func (p *purse) take(n int64) bool {
	if p.Add(-n) < 0 {
		p.Add(n)
		return false
	}
	return true
}

func (p *purse) give(n int64) { p.Add(n) }

func readerOf(b []byte, budget int64) (*pduReader, *purse) {
	left := &purse{}
	left.Store(budget)
	return newReader(bytes.NewReader(b), left), left
}

func TestReaderBudget(t *testing.T) {
	large := pdu(1, OpSearchRequest, make([]byte, 100_000))
	r, left := readerOf(append(large, large...), 150_000)
	for range 2 {
		if _, err := r.read(1 << 20); err != nil {
			t.Fatal(err)
		}
		if left.Load() > 51_000 {
			t.Errorf("%d bytes are left while a large request is held", left.Load())
		}
	}
	r.release()
	if left.Load() != 150_000 {
		t.Errorf("%d bytes are left in the end", left.Load())
	}
	r, left = readerOf(large, 50_000)
	if _, err := r.read(1 << 20); !errors.Is(err, errBusy) {
		t.Errorf("above the budget: %v", err)
	}
	r.release()
	if left.Load() != 50_000 {
		t.Errorf("%d bytes are left after a refusal", left.Load())
	}
	r, _ = readerOf(large, 1<<20)
	if _, err := r.read(90_000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
	// A header that promises much costs nothing until it comes.
	r, left = readerOf([]byte{TagSequence, 0x83, 0x0f, 0xff, 0xff, 1, 2, 3}, 1<<20)
	if _, err := r.read(1 << 20); err == nil {
		t.Error("a request that never came passes")
	}
	if used := 1<<20 - left.Load(); used > step {
		t.Errorf("%d bytes are taken for three", used)
	}
}

func FuzzNext(f *testing.F) {
	f.Add([]byte{0x30, 0x84, 0, 0, 0, 3, 4, 1, 'x'})
	f.Add([]byte{0x30, 0x80, 0x30, 0x80})
	f.Add([]byte{4, 0x88, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			e, rest, err := Next(b)
			if err != nil {
				return
			}
			if len(e.Value)+len(rest) >= len(b) {
				t.Fatalf("%d and %d bytes of %d", len(e.Value), len(rest), len(b))
			}
			if again, _, err := Next(AppendTLV(nil, e.Tag, e.Value)); err != nil || !bytes.Equal(again.Value, e.Value) {
				t.Fatalf("%v does not come back: %v", e, err)
			}
			_, _ = Int(e.Value)
			_, _ = Bool(e.Value)
			b = rest
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(pdu(1, OpBindRequest, []byte{2, 1, 3, 4, 0, 0x80, 0}))
	f.Add(append(pdu(1, OpSearchRequest, make([]byte, 5000)), pdu(2, OpUnbindRequest, nil)...))
	f.Add([]byte{TagSequence, 0x84, 0x7f, 0xff, 0xff, 0xff})
	f.Add(pdu(1, OpDelRequest, nil, 0xa0, 7, 0x30, 5, 4, 3, '1', '.', '2'))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, left := readerOf(b, 1<<16)
		total := 0
		for {
			whole := r.whole()
			content, err := r.read(1 << 15)
			if err != nil {
				if whole && !errors.Is(err, ErrBER) && !errors.Is(err, ErrTooLarge) {
					t.Fatalf("a whole request fails with %v", err)
				}
				break
			}
			if total += len(content); total > len(b) {
				t.Fatalf("%d bytes of %d", total, len(b))
			}
			if m, err := ParseMessage(content); err == nil && (m.ID <= 0 || len(m.Controls) > maxControls || !request(m.Op)) {
				t.Fatalf("%+v", m)
			}
		}
		if r.release(); left.Load() != 1<<16 {
			t.Fatalf("%d bytes are left of the budget", left.Load())
		}
	})
}
