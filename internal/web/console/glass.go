package console

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
)

// GlassName is the name of the break-glass account, and by which the audit trail
// knows it.
const GlassName = "admin"

const glassAddress = address + "/break-glass"

// glassPage is the form of the break-glass account.
type glassPage struct{ Fault string }

// glassForm asks for name and password.
func (v *visit) glassForm() {
	if v.elevated() && !v.rights.None() {
		v.To(address)
		return
	}
	v.Show(http.StatusOK, "glass.html", "glass.title", glassPage{})
}

// breakGlass opens the console without mos.ru. Every use is noted where nobody can
// miss it.
func (v *visit) breakGlass() {
	form, ok := v.Form()
	if !ok {
		return
	}
	from := v.Source().Addr
	if !v.room.glass.Allow(from, v.Now) {
		v.Writer.Header().Set("Retry-After", "60")
		v.Fail(http.StatusTooManyRequests)
		return
	}
	named := subtle.ConstantTimeCompare([]byte(form.Get("login")), []byte(GlassName)) == 1
	// The password is looked at whatever the name is: both take as long.
	password := identity.Password(form.Get("password"))
	if !named {
		password = ""
	}
	line := v.line()
	line["by"] = GlassName
	if !named { // not what was typed: it may be a password
		line["by"] = "another name"
	}
	glass, err := v.o.BreakGlass.Open(v.Request.Context(), password, from.String(), v.Now, line)
	switch {
	case errors.Is(err, ErrBreakGlass):
		v.Log().Warn("web: somebody tried the break-glass account with a wrong name or password", "addr", from.String())
		v.Show(http.StatusForbidden, "glass.html", "glass.title", glassPage{Fault: "glass.wrong"})
		return
	case err != nil:
		v.Broken("the break-glass account cannot be looked at", err)
		return
	}
	v.Log().Error("web: the break-glass account was used: if that was not you, give it another password at once (schoolbridge rights break-glass)",
		"addr", from.String(), "uses", glass.Uses)
	v.state = state{Known: true, Begun: v.Now, Seen: v.Now, Glass: glass.Made}
	record := web.Record{Only: roomName, Profile: person.Profile{Subject: identity.SubjectAt(roomName, GlassName), Login: GlassName}}
	if err = record.Set(roomName, v.state); err == nil {
		err = v.Begin(record)
	}
	if err != nil {
		v.Broken("a session cannot be kept", err)
		return
	}
	v.To(address)
}
