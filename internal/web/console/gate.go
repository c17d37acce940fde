package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

// state is what a session keeps of the console.
//
//	(a person) ─ code of the app ─► elevated ─ leave, idle, longest, rights or app gone ─► (a person)
//	             new name of the session
//	(nobody) ─ break-glass password ─► elevated, for the console alone ─ the same, another password ─► (nobody)
type state struct {
	Known  bool      // has rights: the way here is shown
	Begun  time.Time // of the elevation; zero: not elevated
	Seen   time.Time // when it was last used, more or less
	App    time.Time // when the app was connected that opened it
	Own    []byte    // digest of the invitation that the visitor made for himself, in the place of App
	Glass  time.Time // of the break-glass password that opened it; zero: a person
	Secret []byte    // of an app that is being connected
	Codes  []string  // recovery codes that are to be noted down
	Next   string    // where somebody was going who had to sign in
	Once   *once     // what is shown until it is put away
}

// once is an invitation that was made on the page of rights.
type once struct {
	Person  identity.PersonID
	Code    string
	Expires time.Time
}

// visit is one request for a page of the console.
type visit struct {
	*web.Visit
	room    *room
	o       *Options
	session *web.Session // nil: nobody has signed in
	state   state
	rights  rights.Rights // of this moment
	scope   rights.Scope  // where the page's action is allowed
	action  rights.Action // the page's; 0: it leads in
}

// visitKey is under what a request's context keeps the visit: the navigation is
// made after the page, and asks nobody anew.
type visitKey struct{}

func (c *room) remember(v *visit) {
	v.Request = v.Request.WithContext(context.WithValue(v.Request.Context(), visitKey{}, v))
}

func (c *room) known(v *web.Visit) (*visit, bool) {
	here, ok := v.Request.Context().Value(visitKey{}).(*visit)
	return here, ok
}

// arrive finds out who comes and what they may, or has said that it cannot be
// told.
func (c *room) arrive(v *web.Visit) (*visit, bool) {
	here := &visit{Visit: v, room: c, o: c.o}
	s, err := v.Found()
	if err == nil && s != nil {
		here.session = s
		err = s.Get(roomName, &here.state)
	}
	if err == nil && s != nil {
		here.rights, err = c.rightsOf(here)
	}
	if err == nil && s != nil {
		err = here.checkApp()
	}
	if err != nil {
		v.Broken("an administrator's rights cannot be read", err)
		return nil, false
	}
	c.remember(here)
	return here, true
}

// checkApp ends an elevation whose app was replaced since: it was lost, perhaps to
// somebody who has come in. Who made a new invitation for himself stays for as long
// as that one counts, and no longer.
func (v *visit) checkApp() error {
	if v.state.Begun.IsZero() || !v.state.Glass.IsZero() || v.rights.None() {
		return nil
	}
	f, err := v.o.Factors.Find(v.Request.Context(), v.person())
	own := f.Enrolled() || len(v.state.Own) > 0 && bytes.Equal(f.Invitation, v.state.Own)
	if !own || !f.Since.Equal(v.state.App) {
		v.state.Begun = time.Time{}
	}
	return err
}

// rightsOf is what the visitor may at this moment.
func (c *room) rightsOf(v *visit) (rights.Rights, error) {
	ctx := v.Request.Context()
	switch {
	case !v.state.Glass.IsZero():
		if c.o.BreakGlass == nil {
			return rights.Rights{}, nil
		}
		glass, err := c.o.BreakGlass.Last(ctx)
		if errors.Is(err, identity.ErrNotFound) || err == nil && !glass.Made.Equal(v.state.Glass) {
			return rights.Rights{}, nil
		}
		return rights.Of(rights.Grant{Role: rights.Operator}), err
	case v.session.Person.IsZero():
		return rights.Rights{}, nil
	}
	return c.o.Rights.Of(ctx, v.session.Person)
}

// guard lets those to a page who may.
func (c *room) guard(p page) func(*web.Visit) {
	return func(w *web.Visit) {
		v, ok := c.arrive(w)
		switch {
		case !ok:
		case v.session == nil:
			v.To(address)
		case v.rights.None():
			v.action = p.may
			v.missing()
		case !v.elevated():
			v.signInFirst()
		case !v.rights.May(p.may):
			v.action = p.may
			v.missing()
		case !p.alone && !v.touch():
		default:
			v.action, v.scope = p.may, v.rights.In(p.may)
			p.do(v)
		}
	}
}

// elevated says that the second factor, or the break-glass password, was shown
// and not too long ago.
func (v *visit) elevated() bool {
	s := v.state
	return v.session != nil && !s.Begun.IsZero() && v.Now.Before(s.Begun.Add(v.o.Longest)) && v.Now.Before(s.Seen.Add(v.o.Idle))
}

// signInFirst asks for the second factor, and comes back where that shows the
// same.
func (v *visit) signInFirst() {
	if !v.state.Glass.IsZero() { // there is no second factor to ask for
		if err := v.End(); err != nil {
			v.Broken("a session cannot be ended", err)
			return
		}
		v.To(address)
		return
	}
	before := v.state.Next
	v.state.Next = ""
	// As it was escaped: with a slash or a backslash in the clear it may be another
	// page, or another site's.
	if at := v.Request.URL.EscapedPath(); v.Request.Method == http.MethodGet && len(at) <= 256 {
		v.state.Next = at
	}
	if v.state.Next == before || v.keep() {
		v.To(address + "/sign-in")
	}
}

// seenEvery is how often it is written that administration is in use.
const seenEvery = time.Minute

// touch notes that administration is in use, or has said that it cannot be noted.
func (v *visit) touch() bool {
	if v.Now.Sub(v.state.Seen) < seenEvery {
		return true
	}
	v.state.Seen = v.Now
	return v.kept((*web.Visit).Touch)
}

// showAgain is ShowAgain of a page that is alone: shown for good, it is a use of
// administration.
func (v *visit) showAgain(name, title string, data any, refresh int) {
	if refresh > 0 || v.touch() {
		v.ShowAgain(http.StatusOK, name, title, data, refresh)
	}
}

// keep writes the state into the session, or has said that it cannot be written.
func (v *visit) keep() bool { return v.kept((*web.Visit).Keep) }

func (v *visit) kept(by func(*web.Visit, *web.Session) error) bool {
	err := v.session.Set(roomName, v.state)
	if err == nil {
		err = by(v.Visit, v.session)
	}
	if err != nil {
		v.Broken("a session cannot be kept", err)
		return false
	}
	if s, _ := v.Found(); s == nil { // it was ended meanwhile
		v.To(address)
		return false
	}
	return true
}

// rename is keep under a new name, for the session means more or less than before.
func (v *visit) rename() bool { return v.kept((*web.Visit).Rename) }

// missing is what everybody sees of what is not there, and of what they may not
// see. The audit trail tells who has asked.
func (v *visit) missing() {
	v.denied()
	v.Closed(address)
}

// nowhere is every address below the console that no part has: a stranger is led
// to the way in, as from those that are there.
func (v *visit) nowhere() {
	if v.session == nil {
		v.To(address)
		return
	}
	v.Closed(address)
}

// person is who visits; zero with the break-glass account.
func (v *visit) person() identity.PersonID { return v.session.Person }

// by is who visits, for what is kept and for the audit trail.
func (v *visit) by() string {
	if !v.state.Glass.IsZero() {
		return GlassName
	}
	return v.person().String()
}

// line is what every line of the audit trail says of the visitor.
func (v *visit) line() map[string]any {
	source := v.Source()
	line := map[string]any{"addr": source.Addr.String(), "request": source.Request}
	if v.session != nil {
		line["by"] = v.by()
	}
	return line
}

// AuditRead is the kind of lines that tell who read about whom.
const AuditRead = "console_read"

// read writes into the audit trail that the visitor is shown something of these
// people; of nobody in particular where there are none. what is the page in a word
// and more is whatever tells what was asked for, without names. false: it could
// not be written, nothing may be shown, and that was said.
func (v *visit) read(what string, more map[string]any, whom ...identity.PersonID) bool {
	err := v.note(what, more, whom...)
	if err != nil {
		v.Broken("a reading cannot be noted", err)
	}
	return err == nil
}

// notedOnce is how many records stand in one line.
const notedOnce = 500

// readRecords is read of records of the registries too: those of people without an
// account, whom no line of their own can name. Where no record tells who it is, a
// question of the queue, an account of the directory or a login at mos.ru does.
func (v *visit) readRecords(what string, more map[string]any, records []string, whom ...identity.PersonID) bool {
	if len(records) == 0 || len(whom) > 0 {
		if !v.read(what, more, whom...) {
			return false
		}
	}
	for some := range slices.Chunk(records, notedOnce) {
		line := maps.Clone(more)
		line["records"] = some
		if !v.read(what, line) {
			return false
		}
	}
	return true
}

// note is read for an answer that is under way already.
func (v *visit) note(what string, more map[string]any, whom ...identity.PersonID) error {
	line := v.line()
	line["page"], line["action"] = what, v.action.String()
	for name, value := range more {
		line[name] = value
	}
	payload, err := json.Marshal(line)
	if err == nil {
		if len(whom) == 0 {
			whom = []identity.PersonID{{}}
		}
		lines := make([]identity.AuditEntry, len(whom))
		for i, id := range whom {
			lines[i] = identity.AuditEntry{At: v.Now, Kind: AuditRead, Person: id, Payload: payload}
		}
		err = v.o.Trail.Append(v.Request.Context(), lines)
	}
	return err
}

// clock is a moment as people read it.
func (v *visit) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.o.Zone).Format("02.01.2006 15:04")
}
