package console

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
)

// Addresses tells who had an address.
type Addresses interface {
	// Had gives the sessions in which a device had the address, or the hardware
	// address: at a moment, or lately where at is zero. Of people whom the reader may
	// not see it gives only that there was somebody, and only at own schools. It
	// leaves a line in the audit trail for everybody whom it shows.
	Had(ctx context.Context, r Reader, q AddressQuery) ([]Stay, error)
}

// AddressQuery asks for one of an IP address and a device's hardware address.
type AddressQuery struct {
	Address netip.Addr
	Device  string
	At      time.Time
}

// Stay is a session, with whose it is.
type Stay struct {
	explain.Session
	Handle string // of the person's story; "": nobody's, or somebody's who may not be seen
	Hidden bool   // somebody has it who may not be seen
	School string // where it was, in words
}

// addressPage is what was asked, and the answer.
type addressPage struct {
	Typed, At string
	Wrong     string // "address", "at", or "": which field cannot be read
	Done      bool
	Stays     []addressStay
}

type addressStay struct {
	Stay
	From, To, Whose string
}

func (v *visit) address() {
	v.Show(http.StatusOK, "address.html", "address.title", addressPage{})
}

// had says who had an address when.
func (v *visit) had() {
	form, ok := v.Form()
	if !ok {
		return
	}
	p := addressPage{Typed: strings.TrimSpace(form.Get("address")), At: strings.TrimSpace(form.Get("at")), Done: true}
	q, wrong := readAddress(p.Typed, p.At, v.o.Zone)
	if p.Wrong = wrong; wrong != "" {
		p.Typed, p.At = clip(p.Typed), clip(p.At)
		v.Show(http.StatusUnprocessableEntity, "address.html", "address.title", p)
		return
	}
	list, err := v.o.Addresses.Had(v.Request.Context(), v.reader(), q)
	if err != nil {
		v.missing(err, "sessions cannot be found")
		return
	}
	for _, s := range list {
		one := v.stay(s.Session)
		p.Stays = append(p.Stays, addressStay{s, one.From, one.To, one.Whose})
	}
	v.Show(http.StatusOK, "address.html", "address.title", p)
}

// layouts are how people and browsers write a moment.
var layouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "02.01.2006 15:04", "02.01.2006 15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"}

// readAddress reads what was typed; wrong names the field that cannot be read.
func readAddress(typed, at string, zone *time.Location) (q AddressQuery, wrong string) {
	var err error
	if q.Address, err = netip.ParseAddr(typed); err != nil || q.Address.Zone() != "" {
		device, ok := identity.ParseHardwareAddress(typed)
		if !ok {
			return q, "address"
		}
		q.Address, q.Device = netip.Addr{}, string(device)
	}
	if at == "" {
		return q, ""
	}
	for _, layout := range layouts {
		if q.At, err = time.ParseInLocation(layout, at, zone); err == nil {
			return q, ""
		}
	}
	return q, "at"
}

// clip keeps what is shown again short.
func clip(s string) string {
	if r := []rune(s); len(r) > maxTyped {
		return string(r[:maxTyped])
	}
	return s
}
