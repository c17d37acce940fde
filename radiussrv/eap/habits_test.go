package eap

import (
	"crypto/tls"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// TestHabit: a device is not asked twice for what it does not want, but whoever
// only says its address learns and changes nothing that counts.
func TestHabit(t *testing.T) {
	b := newBench(t, nil)
	from, other := nas, nas
	from.Device, other.Device = "02:00:00:00:00:01", "02:00:00:00:00:02"
	ttls := b.peer(t, kinds[0], tls.VersionTLS13)
	trips := func(at identity.Source) int {
		t.Helper()
		ttls.TLS.ClientSessionCache = nil
		o, err := ttls.Run(b.link(at))
		if err != nil || !o.Success {
			t.Fatal(o, err)
		}
		return o.Trips
	}
	first := trips(from)
	if again := trips(from); again != first-1 {
		t.Errorf("%d round trips, then %d", first, again)
	}
	if n := trips(other); n != first {
		t.Errorf("another device takes %d round trips, not %d", n, first)
	}
	peap := b.peer(t, kinds[4], tls.VersionTLS13)
	peap.Password = "nope"
	if o, err := peap.Run(b.link(from)); err != nil || o.Success {
		t.Fatal(o, err)
	}
	if n := trips(from); n != first-1 {
		t.Error("a refused sign-in has changed what the device is offered")
	}
	peap = b.peer(t, kinds[4], tls.VersionTLS13)
	for range 2 {
		if o, err := peap.Run(b.link(from)); err != nil || !o.Success {
			t.Fatal(o, err)
		}
	}
	if method, ok := b.habits.of(from.Device); !ok || method != packet.PEAP {
		t.Error("the device's new method is not remembered", method, ok)
	}
	if _, ok := b.habits.of(""); ok {
		t.Error("devices without an address share a habit")
	}
}
