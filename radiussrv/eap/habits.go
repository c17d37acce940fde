package eap

import (
	"hash/maphash"
	"sync/atomic"

	"schoolbridge/radiussrv/eap/packet"
)

// habits remembers by which method devices were admitted last, so that the next
// time it is offered first and no round trip goes for a Nak. It decides nothing:
// where it is wrong, or the address is somebody else's, there is the Nak.
//
// A device has one slot, and whoever falls on it later takes it.
type habits struct {
	seed  maphash.Seed
	slots [habitSlots]atomic.Uint64 // 56 bits that tell devices apart, 8 of the method
}

const habitSlots = 1 << 16

func newHabits() *habits { return &habits{seed: maphash.MakeSeed()} }

func (h *habits) slot(device string) (slot *atomic.Uint64, tag uint64) {
	sum := maphash.String(h.seed, device)
	return &h.slots[sum%habitSlots], sum &^ 0xff
}

func (h *habits) set(device string, t packet.Type) {
	if device != "" {
		slot, tag := h.slot(device)
		slot.Store(tag | uint64(t))
	}
}

// of gives a device's method; false where there is none.
func (h *habits) of(device string) (packet.Type, bool) {
	slot, tag := h.slot(device)
	known := slot.Load()
	return packet.Type(known), device != "" && known&^0xff == tag
}
