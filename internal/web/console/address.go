package console

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
)

// addressing is the part that says who had an address when.
var addressing = part{
	pages: map[string]page{
		"GET /console/address":  {do: (*visit).address, may: rights.SeeStory},
		"POST /console/address": {do: (*visit).had, may: rights.SeeStory, back: "/console/address"},
	},
	nav:   entry{"/console/address", "address.title", "search", rights.SeeStory},
	words: wordsAddress,
	there: func(o *Options) bool { return o.Addresses != nil },
}

// Addresses tells who had an address.
type Addresses interface {
	// Had gives the sessions in which a device had the address, or the hardware
	// address: at a moment, or lately where At is zero. Of people who may not be seen
	// it gives only that there was somebody, and only at schools of the scope.
	Had(ctx context.Context, view View, q AddressQuery) ([]Stay, error)
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
	Whose  identity.PersonID // zero: nobody's, or somebody's who may not be seen
	Hidden bool              // somebody has it who may not be seen
	School string            // where it was, in words
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
	From, To, Named, Handle string
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
	list, err := v.o.Addresses.Had(v.Request.Context(), v.view(), q)
	if err != nil {
		v.failed("sessions cannot be found", err)
		return
	}
	var whom []identity.PersonID
	for _, s := range list {
		if !s.Whose.IsZero() && !slices.Contains(whom, s.Whose) {
			whom = append(whom, s.Whose)
		}
	}
	if !v.read("address", map[string]any{"address": p.Typed, "at": p.At, "found": len(list)}, whom...) {
		return
	}
	for _, s := range list {
		one := v.stay(s.Session)
		shown := addressStay{Stay: s, From: one.From, To: one.To, Named: one.Whose}
		if !s.Whose.IsZero() {
			shown.Handle = s.Whose.String()
		}
		p.Stays = append(p.Stays, shown)
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
