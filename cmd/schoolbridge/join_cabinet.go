package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/onboard"
	"schoolbridge/internal/person"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/cabinet"
	"schoolbridge/provision"
)

// cabinet are the pages of people about their own account.
func (d *daemon) cabinet(desk *provision.Desk) (web.Room, error) {
	o := cabinet.Options{Desk: desk, Networks: d.config.WiFi.SSIDs, PublicURL: strings.TrimSuffix(string(d.config.Web.Public), "/"), Zone: d.config.Policy.TimeZone.Location()}
	if d.journal != nil {
		o.Wifi = ownWifi{d, new(trail.Denials)}
	}
	if d.config.WiFi.On() {
		network, err := wifiNetwork(d.config.WiFi)
		if err != nil {
			return web.Room{}, err
		}
		o.Setup = ownSetup{d, network}
	}
	return cabinet.New(o)
}

// ownSetup is what a device of the Wi-Fi needs.
type ownSetup struct {
	d       *daemon
	network onboard.Network
}

var _ cabinet.Setup = ownSetup{}

// Files implements cabinet.Setup. The profile for Apple is signed with the
// certificate in force, where there is one, as "wifi profile --sign" does.
func (s ownSetup) Files(login identity.Login, p onboard.Platform, lang web.Lang) ([]onboard.File, error) {
	files, err := onboard.Files(s.network, login, p, onboard.Lang(lang))
	if err != nil || p != onboard.Apple {
		return files, err
	}
	if s.d.cert == nil {
		return files, nil
	}
	sign, err := profileSigner(s.d.cert.config().Certificates[0])
	if err == nil {
		files[0], err = sign(files[0])
	}
	return files, err
}

// Steps implements cabinet.Setup.
func (s ownSetup) Steps(login identity.Login, p onboard.Platform, lang web.Lang) ([]onboard.Step, string) {
	return onboard.Steps(s.network, string(login), p, onboard.Lang(lang))
}

// Handed implements cabinet.Setup.
func (s ownSetup) Handed(ctx context.Context, id identity.PersonID, p onboard.Platform, from identity.Source) error {
	payload, err := json.Marshal(map[string]any{"for": p, "by": "cabinet", "addr": from.Addr.String(), "request": from.Request})
	if err != nil {
		return err
	}
	return s.d.db.Audit().Append(ctx, []identity.AuditEntry{{At: time.Now(), Kind: "wifi_profile", Person: id, Payload: payload}})
}

// ownWifi is what people see of their own devices and sign-ins.
type ownWifi struct {
	d       *daemon
	denials *trail.Denials
}

var _ cabinet.Wifi = ownWifi{}

// How far back the cabinet looks: attempts of one's own, those that only said the
// name, nobody's among which one's device may be; and stays that have ended.
const (
	ownRead      = 60
	ownSaidRead  = 20
	nobodysShort = 1000
	ownAttempts  = 20
	ownSessions  = 10
	// ownSessionsRead is how many stays are read, those that last among them.
	ownSessionsRead = 60
	ownSessionAge   = 30 * 24 * time.Hour
)

// auditCabinet is the kind of lines that tell that somebody looked at the own
// devices and sign-ins.
const auditCabinet = "cabinet"

// auditOwnDisconnect is the kind of lines that tell that somebody had an own device taken
// off the Wi-Fi.
const auditOwnDisconnect = "cabinet_disconnect"

// auditOwnDenied is the kind of lines that tell that somebody asked for the end of a
// session of another person, which the page never offers.
const auditOwnDenied = "cabinet_denied"

// note tells the audit trail what somebody does about the own devices, and from where.
func (o ownWifi) note(kind string, id identity.PersonID, from identity.Source, line map[string]any) error {
	line["addr"], line["request"] = from.Addr.String(), from.Request
	payload, err := json.Marshal(line)
	if err == nil {
		o.d.trail.Audit(identity.AuditEntry{At: time.Now(), Kind: kind, Person: id, Payload: payload})
	}
	return err
}

// denied notes that somebody asked for the end of another person's session, a few lines
// a minute.
func (o ownWifi) denied(id identity.PersonID, session string, from identity.Source) error {
	times, write := o.denials.Count(id.String(), time.Now())
	if !write {
		return nil
	}
	line := map[string]any{"session": session}
	if times > 0 {
		line["times"] = times
	}
	return o.note(auditOwnDenied, id, from, line)
}

// Look implements cabinet.Wifi: what explain says of the Wi-Fi, and of nothing
// else.
func (o ownWifi) Look(ctx context.Context, id identity.PersonID, from identity.Source) (cabinet.Look, error) {
	d := o.d
	e := &explainer{db: d.db, config: d.config, lang: explain.Russian, table: d.policy.Load(), now: time.Now(), nobodys: nobodysShort, sees: func(context.Context, identity.PersonID) bool { return false }}
	look := cabinet.Look{}
	if err := o.note(auditCabinet, id, from, map[string]any{"page": "devices"}); err != nil {
		return look, err
	}
	sessions, err := d.db.Journal().Find(ctx, journal.Query{Person: id, Most: ownSessionsRead})
	if err != nil {
		return look, err
	}
	r := e.empty("")
	if err := o.report(ctx, e, id, sessions, &r); err != nil {
		return look, err
	}
	r.Diagnose(e.lang, e.now)
	look.Refusal = refusalOf(&r)
	look.Devices = o.devices(sessions, e.now)
	look.SignIns = ownSignIns(r.SignIns)
	look.Bound = o.bound(id)
	return look, nil
}

// report gathers for Diagnose what concerns the Wi-Fi.
func (o ownWifi) report(ctx context.Context, e *explainer, id identity.PersonID, sessions []*journal.Session, r *explain.Report) error {
	holder, err := o.d.db.Accounts().Get(ctx, id)
	if err != nil {
		return err
	}
	r.Person, r.Login, r.Upstream = id.String(), string(holder.Login), holder.Subject.Upstream()
	r.NoUpstream = e.missing(r.Upstream)
	if r.Suspension, err = e.suspension(ctx, holder); err != nil {
		return err
	}
	if entry, ok := o.d.people.Get(id); ok {
		for _, nas := range o.d.config.RADIUS.Clients {
			e.channel(entry, r, identity.ChannelWiFi, identity.Source{NAS: nas.Name, School: nas.School}, nas.Name)
		}
		if err := e.mschapv2(ctx, entry, r); err != nil {
			return err
		}
	}
	for _, s := range sessions {
		if s.Live() {
			r.Sessions = append(r.Sessions, explain.Session{Device: s.Detail.Device})
		}
	}
	return e.signInsOf(ctx, id, r, ownRead, ownSaidRead)
}

func refusalOf(r *explain.Report) *cabinet.Refusal {
	b := r.Broken
	if b == nil {
		return nil
	}
	code, _, _ := strings.Cut(b.Code, "(")
	found := &cabinet.Refusal{Code: code, Unproven: b.Unproven, Meaning: b.Meaning, Remedy: b.Remedy}
	for _, s := range r.SignIns {
		if string(s.Reason) == code && s.Channel == identity.ChannelWiFi.String() && s.Outcome != identity.Accepted.String() {
			found.At, found.Device, found.Where = s.At, s.Device, s.NAS
			break
		}
	}
	return found
}

// devices are the stays that last, and the last of those that do not.
func (o ownWifi) devices(sessions []*journal.Session, now time.Time) (list []cabinet.Device) {
	ended := 0
	for _, live := range []bool{true, false} {
		for _, s := range sessions { // the newest first
			if s.Live() != live || !live && (now.Sub(s.Ended) > ownSessionAge || ended >= ownSessions) {
				continue
			}
			x := cabinet.Device{Session: s.ID.String(), Address: s.Detail.Device, Network: s.Detail.SSID, School: o.school(s.Detail.School), Began: s.Began, Ended: s.Ended}
			if !live {
				ended++
			} else if s.Cut != nil && !s.Cut.Why.Changes() {
				x.Asked = map[journal.CutState]string{journal.CutWaiting: "waiting", journal.CutRefused: "no", journal.CutSilent: "no", journal.CutOff: "no", journal.CutStays: "no",
					journal.CutDone: "waiting"}[s.Cut.State] // the NAS's own word that it has ended is on its way
			}
			list = append(list, x)
		}
	}
	return list
}

func (o ownWifi) school(id string) string {
	if s, ok := o.d.people.School(person.SchoolID(id)); ok {
		return cmp.Or(s.Name, id)
	}
	return id
}

// ownSignIns are the last attempts, those alike that follow one another as one.
func ownSignIns(all []explain.SignIn) (list []cabinet.SignIn) {
	for _, s := range all {
		x := cabinet.SignIn{At: s.At, Channel: s.Channel, Device: s.Device, Where: s.NAS, Accepted: s.Outcome == identity.Accepted.String() && s.After == "",
			Reason: string(s.Reason), Said: s.Said, Times: 1}
		if n := len(list); n > 0 {
			last := list[n-1]
			last.At, last.Times = x.At, x.Times
			if last == x {
				list[n-1].Times++
				continue
			}
		}
		if len(list) == ownAttempts {
			break
		}
		list = append(list, x)
	}
	return list
}

// bound is how many devices the person's roles allow at once.
func (o ownWifi) bound(id identity.PersonID) int {
	entry, ok := o.d.people.Get(id)
	if !ok {
		return 0
	}
	most := 0
	for _, a := range entry.Affiliations {
		n := o.d.journal.Bound(a.Role.String())
		if n == 0 && a.Role != person.RoleParent {
			return 0
		}
		most = max(most, n)
	}
	return most
}

// Disconnect implements cabinet.Wifi.
func (o ownWifi) Disconnect(ctx context.Context, id identity.PersonID, session string, from identity.Source) error {
	number, err := journal.ParseID(session)
	if err != nil {
		return identity.ErrNotFound
	}
	s, err := o.d.db.Journal().Get(ctx, number)
	if err != nil {
		return err
	}
	if s.Person != id {
		return errors.Join(identity.ErrNotFound, o.denied(id, session, from))
	}
	if !s.Live() {
		return identity.ErrNotFound
	}
	if err := o.note(auditOwnDisconnect, id, from, map[string]any{"session": session}); err != nil {
		return err
	}
	return o.d.db.Journal().AskDisconnect(ctx, []journal.ID{number}, journal.WhyOwner, time.Now())
}
