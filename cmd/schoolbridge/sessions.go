package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// asked is what the command line of sessions wants to know.
type asked struct {
	Address    string `json:"address,omitempty"`
	At         string `json:"at,omitempty"`
	Device     string `json:"device,omitempty"`
	Login      string `json:"login,omitempty"`
	Live       bool   `json:"live,omitempty"`
	Disconnect string `json:"disconnect,omitempty"`
}

// sessionsCall is a command line of sessions.
type sessionsCall struct {
	asked
	file, lang, format string
	wait               time.Duration
	disconnect         bool
}

func parseSessions(std streams, args []string) (c sessionsCall, err error) {
	fs := flag.NewFlagSet("sessions", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.format, "format", "table", "вид: table, json или csv / `FORMAT`: table, json or csv")
	fs.DurationVar(&c.wait, "wait", 40*time.Second, "disconnect: сколько ждать ответа / how `LONG` to wait for the answer")
	fs.StringVar(&c.Address, "address", "", "у кого был этот адрес / who had this `IP` address")
	fs.StringVar(&c.At, "at", "", "в это время школы / at that `TIME` of the school: \"2026-09-01 10:30\"")
	fs.StringVar(&c.Device, "device", "", "MAC-адрес устройства / a device's hardware address, `MAC`")
	fs.StringVar(&c.Login, "login", "", "логин человека / a person's `LOGIN`")
	fs.BoolVar(&c.Live, "live", false, "только кто в сети сейчас / only who is on the network now")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	if c.disconnect = len(words) > 0 && words[0] == "disconnect"; c.disconnect {
		if words = words[1:]; len(words) == 1 {
			c.Disconnect, words = words[0], nil
		}
	}
	c.lang = *lang
	if c.format != "table" && c.format != "json" && c.format != "csv" || len(words) > 0 ||
		c.disconnect && (c.Disconnect == "") == (c.Login == "") {
		return c, misused("sessions")
	}
	return c, nil
}

func runSessions(ctx context.Context, std streams, args []string) error {
	call, err := parseSessions(std, args)
	if err != nil {
		return err
	}
	c, err := loadConfig(std, call.file, call.lang)
	if err != nil {
		return err
	}
	db, err := openMadeStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what it wrote is committed by then
	v := &viewer{db: db, config: c, lang: explain.Lang(call.lang), now: time.Now(), people: map[identity.PersonID]store.Holder{}}
	var list []explain.Session
	if call.disconnect {
		list, err = v.disconnect(ctx, std, call.asked, call.wait)
	} else {
		list, err = v.sessions(ctx, call.asked)
	}
	if err != nil {
		return err
	}
	if err := writeSessions(std, list, call.format, v.lang, c.Policy.TimeZone.Location()); err != nil {
		return err
	}
	for _, s := range list {
		if call.disconnect && s.Ended == nil {
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
			return q, usageError("sessions: --address %q — не IP-адрес / is no IP address", a.Address)
		}
	}
	if a.Device != "" {
		device, ok := identity.ParseHardwareAddress(a.Device)
		if !ok {
			return q, usageError("sessions: --device %q — не MAC-адрес / is no hardware address such as 02:00:00:00:00:01", a.Device)
		}
		q.Device = string(device)
	}
	if a.At != "" {
		if q.At, err = schoolTime(a.At, v.config.Policy.TimeZone.Location()); err != nil {
			return q, err
		}
	}
	if a.Login != "" {
		q.Name = auth.BareName(a.Login, v.config.Names.Domains, v.config.Names.Realms)
		holder, err := v.db.Accounts().Find(ctx, q.Name)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return q, err
		}
		q.Person = holder.Person
	}
	return q, nil
}

// schoolTime reads a time as people write it, in the school's zone.
func schoolTime(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "02.01.2006 15:04:05", "02.01.2006 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("sessions: --at %q — не время / is no time: \"2026-09-01 10:30\", \"01.09.2026 10:30\"", text)
}

// audit: reading personal data is itself a line of the trail, with the account
// of this machine that reads it; whose data it was is found by that person.
func (v *viewer) audit(ctx context.Context, a asked, about identity.PersonID, found []*journal.Session) error {
	payload, err := json.Marshal(map[string]any{"asked": a, "found": len(found), "uid": os.Getuid()})
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
	if !s.Person.IsZero() {
		x.Person = s.Person.String()
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
		x.Disconnect = &explain.Disconnect{Why: string(c.Why), State: c.State.String(), Asked: c.Asked, Tried: c.At, Tries: c.Tries, Cause: c.Cause}
		x.Disconnect.Answer = x.Disconnect.AnswerIn(lang)
	}
	return x
}

// disconnect asks the daemon to have sessions ended, and waits for what the NAS
// says.
func (v *viewer) disconnect(ctx context.Context, std streams, a asked, wait time.Duration) ([]explain.Session, error) {
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
	if len(ids) == 0 {
		fmt.Fprintln(std.err, map[explain.Lang]string{explain.Russian: "в сети никого: отключать нечего", explain.English: "nobody is on the network: nothing to disconnect"}[v.lang])
		return v.shown(ctx, targets)
	}
	if err := v.db.Journal().AskDisconnect(ctx, ids, journal.WhyAdministrator, v.now); err != nil {
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
	if a.Disconnect == "" {
		q, err := v.query(ctx, asked{Login: a.Login, Live: true})
		if err != nil {
			return nil, err
		}
		return v.db.Journal().Find(ctx, q)
	}
	id, err := journal.ParseID(a.Disconnect)
	if err != nil {
		return nil, usageError("sessions disconnect: %q — не номер сеанса, их показывает / is no session, which are shown by schoolbridge sessions --live: %w", a.Disconnect, err)
	}
	s, err := v.db.Journal().Get(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, usageError("sessions disconnect: сеанса %s нет, их показывает / there is no session, they are shown by schoolbridge sessions --live", id)
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
