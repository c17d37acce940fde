package cabinet

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// clock is how moments are written.
const clock = "02.01.2006 15:04"

// mePage is what somebody sees of the own account.
type mePage struct {
	Login  string
	System string // whose the password is; "": mos.ru
	Places []provision.Place
	Wifi   bool
	Why    *why // why the Wi-Fi refuses
	On     int  // devices on the Wi-Fi
	Setup  bool
}

func (v *visit) me() {
	s, ok := v.owner()
	if !ok {
		return
	}
	p := mePage{Login: string(s.Login), System: s.Profile.Subject.Upstream(), Places: v.o.Desk.Standing(v.Request.Context(), s.Person, s.Login).Places(s.Profile, v.o.Networks), Wifi: v.o.Wifi != nil, Setup: v.o.Setup != nil}
	if p.Wifi {
		look, err := v.o.Wifi.Look(v.Request.Context(), s.Person, v.Source())
		if err != nil {
			v.Broken("somebody's devices cannot be read", err)
			return
		}
		p.Why = v.why(look.Refusal)
		for _, d := range look.Devices {
			if d.Ended.IsZero() {
				p.On++
			}
		}
	}
	v.Show(http.StatusOK, "me.html", "me.title", p)
}

// why is a refusal in words for the person.
type why struct {
	Code, What, How string
	When, Where     string
	Unproven        bool
}

func (v *visit) why(r *Refusal) *why {
	if r == nil {
		return nil
	}
	w := &why{Code: r.Code, Where: strings.Trim(r.Where+", "+r.Device, ", "), Unproven: r.Unproven}
	if !r.At.IsZero() {
		w.When = v.clock(r.At)
	}
	if words, ok := reasons[identity.Reason(r.Code)]; ok {
		w.What, w.How = words.what.In(v.Lang), words.how.In(v.Lang)
	} else {
		w.What, w.How = r.Meaning+".", r.Remedy
	}
	return w
}

func (v *visit) clock(t time.Time) string { return t.In(v.o.Zone).Format(clock) }

// devicesPage are the devices and the last sign-ins.
type devicesPage struct {
	Asked   bool // one was just asked to be taken off
	On      []deviceRow
	Before  []deviceRow
	SignIns []signInRow
	Bound   int
	Waits   bool
}

type deviceRow struct {
	Device
	From, To string
}

type signInRow struct {
	SignIn
	When, Why string
}

func (v *visit) devices() {
	s, ok := v.owner()
	if !ok {
		return
	}
	look, err := v.o.Wifi.Look(v.Request.Context(), s.Person, v.Source())
	if err != nil {
		v.Broken("somebody's devices cannot be read", err)
		return
	}
	p := devicesPage{Bound: look.Bound}
	for _, d := range look.Devices {
		row := deviceRow{Device: d, From: v.clock(d.Began)}
		if d.Ended.IsZero() {
			p.On, p.Waits = append(p.On, row), p.Waits || d.Asked == "waiting"
		} else {
			row.To = v.clock(d.Ended)
			p.Before = append(p.Before, row)
		}
	}
	for _, x := range look.SignIns {
		row := signInRow{SignIn: x, When: v.clock(x.At)}
		if !x.Accepted {
			row.Why = x.Reason
			if words, ok := reasons[identity.Reason(x.Reason)]; ok {
				row.Why = words.what.In(v.Lang)
			}
		}
		p.SignIns = append(p.SignIns, row)
	}
	refresh := 0
	if p.Waits { // the access point answers within seconds
		refresh = 3
	}
	v.ShowAgain(http.StatusOK, "devices.html", "devices.title", p, refresh)
}

// disconnect asks for the end of one of the person's own sessions. A foreign one
// looks as one that has ended.
func (v *visit) disconnect() {
	s, ok := v.owner()
	if !ok {
		return
	}
	form, ok := v.Form()
	if !ok {
		return
	}
	err := v.o.Wifi.Disconnect(v.Request.Context(), s.Person, form.Get("session"), v.Source())
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		v.Broken("a device cannot be asked to be taken off", err)
		return
	}
	v.To("/me/devices")
}
