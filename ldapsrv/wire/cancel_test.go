package wire

import "testing"

func cancelOf(id, of int32) []byte {
	b, value := Begin(nil, TagSequence)
	b = End(AppendInt(b, TagInteger, of), value)
	return pdu(id, OpExtendedRequest, AppendTLV(AppendTLV(nil, 0x80, OIDCancel), 0x81, b))
}

// RFC 3909: what is under way or waits is answered with canceled, and the Cancel
// with success; what is not, is not.
func TestCancel(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(cancelOf(1, 5))
	p.wantCode(1, NoSuchOperation)
	p.send(request1(5, "watch"), request1(6, "queued"), request1(7, "kept"), pdu(8, OpExtendedRequest, []byte("other")))
	<-w.e.started
	w.e.release <- struct{}{}
	p.want(5, "watch")
	p.want(6, "queued")
	p.want(7, "kept")
	p.want(8, "other")
	p.send(request1(15, "watch"))
	<-w.e.started
	// Several, so that each is read while the first runs.
	p.send(request1(16, "queued"), request1(17, "kept"), request1(18, "abandoned"), pdu(19, OpDelRequest, []byte("x")), cancelOf(20, 16), cancelOf(21, 99), cancelOf(22, 19), cancelOf(23, 20),
		pdu(24, OpAbandonRequest, []byte{18}), cancelOf(25, 18), pdu(26, OpExtendedRequest, AppendTLV(nil, 0x80, OIDCancel)), cancelOf(27, 15))
	if got := <-w.e.started; got != "abandoned" {
		t.Fatal(got)
	}
	for _, want := range []struct {
		id   int32
		code Code
	}{{15, Canceled}, {16, Canceled}, {17, Success}, {19, Success}, {20, Success}, {21, NoSuchOperation}, {22, CannotCancel}, {23, CannotCancel}, {25, NoSuchOperation}, {26, ProtocolError}, {27, Success}} {
		p.wantCode(want.id, want.code)
	}
	// Too late: it has ended in its own way.
	value := []byte{TagSequence, 3, TagInteger, 1, 5}
	q := &queued{}
	q.aim([]*queued{{m: Message{ID: 5, Op: OpCompareRequest}}}, value)
	if got := (&Conn{ahead: &ahead{now: q}}).Cancel(value); got != TooLate {
		t.Errorf("%d", got)
	}
}

func FuzzCancel(f *testing.F) {
	f.Add([]byte{0x30, 3, 2, 1, 5})
	f.Add([]byte{0x30, 4, 2, 2, 5})
	f.Add([]byte{0x30, 3, 2, 1, 0x87}) // a number below 0
	f.Fuzz(func(t *testing.T, b []byte) {
		q := &queued{}
		one := &queued{m: Message{ID: 5, Op: OpSearchRequest}}
		q.aim([]*queued{one}, b)
		if id, ok := parseCancel(b); one.abandoned.Load() != (ok && id == 5) || id < 0 {
			t.Fatalf("%x: %d, %t", b, id, ok)
		}
	})
}
