package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// asked is what the command line of sessions wants to know.
type asked struct {
	Address string `json:"address,omitempty"`
	At      string `json:"at,omitempty"`
	Device  string `json:"device,omitempty"`
	Login   string `json:"login,omitempty"`
	Live    bool   `json:"live,omitempty"`
	Verb    string `json:"request,omitempty"` // "disconnect" or "reauthorize": not only shown
	Session string `json:"session,omitempty"` // which one, where it is not Login's
}

// sessionVerbs are what a NAS can be asked by hand.
var sessionVerbs = map[string]journal.Why{"disconnect": journal.WhyAdministrator, "reauthorize": journal.WhyReauthorize}

// sessionsCall is a command line of sessions.
type sessionsCall struct {
	asked
	file, lang, format string
	wait               time.Duration
}

func parseSessions(std streams, args []string) (c sessionsCall, err error) {
	fs := flag.NewFlagSet("sessions", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.format, "format", "table", "вид: table, json или csv / `FORMAT`: table, json or csv")
	fs.DurationVar(&c.wait, "wait", 40*time.Second, "disconnect, reauthorize: сколько ждать ответа / how `LONG` to wait for the answer")
	fs.StringVar(&c.Address, "address", "", "у кого был этот адрес / who had this `IP` address")
	fs.StringVar(&c.At, "at", "", "в это время школы / at that `TIME` of the school: \"2026-09-01 10:30\"")
	fs.StringVar(&c.Device, "device", "", "MAC-адрес устройства / a device's hardware address, `MAC`")
	fs.StringVar(&c.Login, "login", "", "логин человека / a person's `LOGIN`")
	fs.BoolVar(&c.Live, "live", false, "только кто в сети сейчас / only who is on the network now")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	if len(words) > 0 && sessionVerbs[words[0]] != "" {
		c.Verb = words[0]
		if words = words[1:]; len(words) == 1 {
			c.Session, words = words[0], nil
		}
	}
	c.lang = *lang
	if c.format != "table" && c.format != "json" && c.format != "csv" || len(words) > 0 ||
		c.Verb != "" && (c.Session == "") == (c.Login == "") {
		return c, misused("sessions")
	}
	return c, nil
}

func runSessions(ctx context.Context, std streams, args []string) error {
	call, err := parseSessions(std, args)
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what it wrote is committed by then
	v := &viewer{db: db, config: c, lang: explain.Lang(call.lang), now: time.Now(), people: map[identity.PersonID]store.Holder{}}
	var list []explain.Session
	if call.Verb != "" {
		list, err = v.request(ctx, std, call.asked, call.wait)
	} else {
		list, err = v.sessions(ctx, call.asked)
	}
	if err != nil {
		return err
	}
	if err := writeSessions(std, list, call.format, v.lang, c.Policy.TimeZone.Location()); err != nil {
		return err
	}
	if len(list) == 0 {
		v.nothing(std.err)
	}
	for _, s := range list {
		changed := call.Verb == "reauthorize" && s.Disconnect != nil && s.Disconnect.State == journal.CutChanged.String()
		if call.Verb != "" && s.Ended == nil && !changed {
			return errFindings
		}
	}
	return nil
}

// viewer reads the journal of sessions for an administrator.
type viewer struct {
	db     *store.DB
	config *config.Config
	lang   explain.Lang
	now    time.Time
	people map[identity.PersonID]store.Holder // that were looked up
	at     time.Time                          // that was asked about, or zero
	nobody bool                               // the login that was asked about is nobody's
}

// sessions finds what was asked for, and leaves a line in the trail for each
// person whose sessions are shown.
func (v *viewer) sessions(ctx context.Context, a asked) ([]explain.Session, error) {
	q, err := v.query(ctx, a)
	if err != nil {
		return nil, err
	}
	found, err := v.db.Journal().Find(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := v.audit(ctx, a, q.Person, found); err != nil {
		return nil, err
	}
	return v.shown(ctx, found)
}

func (v *viewer) query(ctx context.Context, a asked) (q journal.Query, err error) {
	q.Live = a.Live || a.Address == "" && a.Device == "" && a.Login == ""
	if q.Live && a.At != "" {
		return q, usageError("sessions: --at — это о прошлом: назовите --address, --device или --login без --live / --at asks about the past: name --address, --device or --login, without --live")
	}
	if a.Address != "" {
		if q.Address, err = netip.ParseAddr(a.Address); err != nil || q.Address.Zone() != "" {
			return q, usageError("sessions: --address %[1]q — не IP-адрес / sessions: --address %[1]q is no IP address", a.Address)
		}
	}
	if a.Device != "" {
		device, ok := identity.ParseHardwareAddress(a.Device)
		if !ok {
			return q, usageError("sessions: --device %[1]q — не MAC-адрес вида 02:00:00:00:00:01 / sessions: --device %[1]q is no hardware address such as 02:00:00:00:00:01", a.Device)
		}
		q.Device = string(device)
	}
	if a.At != "" {
		if q.At, err = schoolTime(a.At, v.config.Policy.TimeZone.Location()); err != nil {
			return q, err
		}
		v.at = q.At
	}
	if a.Login != "" {
		q.Name = bareName(v.config, a.Login)
		holder, err := holderOf(ctx, v.db, v.config, a.Login)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return q, err
		}
		q.Person, v.nobody = holder.Person, holder.Person.IsZero()
	}
	return q, nil
}

// nothing says what makes people look in vain: a moment that was another one,
// and a login with a slip in it.
func (v *viewer) nothing(w io.Writer) {
	say := func(ru, en string, args ...any) {
		fmt.Fprintf(w, map[explain.Lang]string{explain.Russian: ru, explain.English: en}[v.lang]+"\n", args...)
	}
	if zone := v.config.Policy.TimeZone.Location(); !v.at.IsZero() {
		say("искали на момент %s, время %s: сеанс, который начался хоть секундой позже, не показан", "looked at the moment %s, time of %s: a session that began a second later is not shown", v.at.In(zone).Format(sessionClock), zone)
	}
	if v.nobody {
		say("такого логина сейчас нет ни у кого: проверьте написание", "nobody has this login now: check the spelling")
	}
}

// schoolTime reads a time as people write it, in the school's zone.
func schoolTime(text string, zone *time.Location) (time.Time, error) {
	if t, ok := readTime(text, zone); ok {
		return t, nil
	}
	return time.Time{}, usageError("sessions: --at %[1]q — не время, а пишут его так: \"2026-09-01 10:30\", \"01.09.2026 10:30\" / sessions: --at %[1]q is no time, which is written: \"2026-09-01 10:30\", \"01.09.2026 10:30\"", text)
}

func readTime(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "02.01.2006 15:04:05", "02.01.2006 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// audit: reading personal data is itself a line of the trail, with the account
// of this machine that reads it; whose data it was is found by that person.
func (v *viewer) audit(ctx context.Context, a asked, about identity.PersonID, found []*journal.Session) error {
	payload, err := json.Marshal(byCaller(map[string]any{"asked": a, "found": len(found)}))
	if err != nil {
		return err
	}
	seen := map[identity.PersonID]bool{}
	lines := []identity.AuditEntry{}
	add := func(id identity.PersonID) {
		if !seen[id] {
			seen[id] = true
			lines = append(lines, identity.AuditEntry{At: v.now, Kind: "sessions", Person: id, Payload: payload})
		}
	}
	add(about)
	for _, s := range found {
		add(s.Person)
	}
	return v.db.Audit().Append(ctx, lines)
}

// shown turns sessions into what people read.
func (v *viewer) shown(ctx context.Context, found []*journal.Session) ([]explain.Session, error) {
	list := make([]explain.Session, 0, len(found))
	for _, s := range found {
		x := shownSession(s, v.lang)
		if !s.Person.IsZero() {
			holder, err := v.holder(ctx, s.Person)
			if err != nil {
				return nil, err
			}
			x.Login, x.Name = string(holder.Login), person.JoinFIO(holder.Last, holder.First, holder.Middle)
		}
		list = append(list, x)
	}
	return list, nil
}

// holder looks a person up, once; nobody's is empty.
func (v *viewer) holder(ctx context.Context, id identity.PersonID) (store.Holder, error) {
	if h, ok := v.people[id]; ok {
		return h, nil
	}
	h, err := v.db.Accounts().Get(ctx, id)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return h, err
	}
	v.people[id] = h
	return h, nil
}

// shownSession says a session without whose it is.
func shownSession(s *journal.Session, lang explain.Lang) explain.Session {
	x := explain.Session{
		ID: s.ID.String(), Login: s.Detail.Name, Began: s.Began, Ending: s.Ending.String(), Inferred: s.Ending.Inferred(), Heard: s.Heard(),
		Device: s.Detail.Device, Addresses: []string{}, NAS: s.NAS, Unit: s.Unit, SSID: s.Detail.SSID, School: s.Detail.School, Port: s.Detail.Port,
		InOctets: s.Traffic.InOctets, OutOctets: s.Traffic.OutOctets,
	}
	switch {
	case !s.Person.IsZero():
		x.Person = s.Person.String()
	case s.Basis.Thing() && s.Basis.Device != "":
		x.Thing = "device"
	case s.Basis.Thing():
		x.Thing = "machine"
	}
	if !s.Live() {
		x.Ended = &s.Ended
	}
	for _, a := range s.Addresses {
		text := a.Prefix.String()
		if a.Prefix.IsSingleIP() {
			text = a.Prefix.Addr().String()
		}
		x.Addresses = append(x.Addresses, text)
	}
	if c := s.Cut; c != nil {
		x.Disconnect = &explain.Disconnect{Why: string(c.Why), Request: c.How.String(), State: c.State.String(), Asked: c.Asked, Tried: c.At, Tries: c.Tries, Cause: c.Cause}
		if x.Disconnect.Cause == journal.CauseForged {
			x.Disconnect.Cause, x.Disconnect.Forged = 0, true
		}
		x.Disconnect.Answer = x.Disconnect.AnswerIn(lang)
	}
	return x
}

// request asks the daemon to have sessions ended or given what their people
// would be given now, and waits for what the NAS says.
func (v *viewer) request(ctx context.Context, std streams, a asked, wait time.Duration) ([]explain.Session, error) {
	targets, err := v.targets(ctx, a)
	if err != nil {
		return nil, err
	}
	ids := make([]journal.ID, 0, len(targets))
	for _, s := range targets {
		if s.Live() {
			ids = append(ids, s.ID)
		}
	}
	if err := v.audit(ctx, a, identity.PersonID{}, targets); err != nil {
		return nil, err
	}
	if v.nobody && len(targets) == 0 {
		return nil, usageError("sessions %[1]s: логина «%[2]s» сейчас нет ни у кого, просить не о ком; проверьте его командой schoolbridge explain / sessions %[1]s: nobody has the login %[2]q now, so there is nobody to ask for; check it with schoolbridge explain", a.Verb, a.Login)
	}
	if len(ids) == 0 {
		fmt.Fprintln(std.err, map[explain.Lang]string{explain.Russian: "в сети никого: просить не о чем", explain.English: "nobody is on the network: there is nothing to ask for"}[v.lang])
		return v.shown(ctx, targets)
	}
	if err := v.db.Journal().AskDisconnect(ctx, ids, sessionVerbs[a.Verb], v.now); err != nil {
		return nil, err
	}
	found, waiting, err := v.answers(ctx, ids, wait)
	if err == nil && waiting {
		fmt.Fprintln(std.err, map[explain.Lang]string{explain.Russian: "ответа пока нет; служба продолжает попытки (если она работает), ответ покажет команда sessions",
			explain.English: "no answer yet; the daemon, if it runs, goes on trying, and the sessions command shows the answer"}[v.lang])
	}
	if err != nil {
		return nil, err
	}
	return v.shown(ctx, found)
}

// targets are the sessions that are meant: one, or those of a person that live.
func (v *viewer) targets(ctx context.Context, a asked) ([]*journal.Session, error) {
	if a.Session == "" {
		q, err := v.query(ctx, asked{Login: a.Login, Live: true})
		if err != nil {
			return nil, err
		}
		return v.db.Journal().Find(ctx, q)
	}
	id, err := journal.ParseID(a.Session)
	if err != nil {
		return nil, usageError("sessions %[1]s: %[2]q — не номер сеанса (16 шестнадцатеричных цифр), номера показывает schoolbridge sessions --live / sessions %[1]s: %[2]q is no session's id (16 hexadecimal digits); schoolbridge sessions --live shows them", a.Verb, a.Session)
	}
	s, err := v.db.Journal().Get(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, usageError("sessions %[1]s: сеанса %[2]s нет, номера показывает schoolbridge sessions --live / sessions %[1]s: there is no session %[2]s; schoolbridge sessions --live shows them", a.Verb, id)
	}
	return []*journal.Session{s}, err
}

// answerEvery is how often the store is asked for what the daemon wrote there.
const answerEvery = 250 * time.Millisecond

// answers waits until every session has its answer or the time is over.
func (v *viewer) answers(ctx context.Context, ids []journal.ID, wait time.Duration) (found []*journal.Session, waiting bool, err error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	tick := time.NewTicker(answerEvery)
	defer tick.Stop()
	for last := false; ; {
		found, waiting = found[:0], false
		for _, id := range ids {
			s, err := v.db.Journal().Get(ctx, id)
			if err != nil {
				return nil, false, err
			}
			found = append(found, s)
			waiting = waiting || s.Cut != nil && s.Cut.State == journal.CutWaiting
		}
		if !waiting || last {
			return found, waiting, nil
		}
		select {
		case <-tick.C:
		case <-end.C:
			last = true
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}
