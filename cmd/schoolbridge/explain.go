package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/store"
)

func runExplain(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("explain", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	asJSON := fs.Bool("json", false, "вывести JSON / print JSON")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return misused("explain")
	}
	c, db, err := openSite(ctx, std, *file, *lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the audit line is committed by then
	e := &explainer{db: db, config: c, lang: explain.Lang(*lang), now: time.Now()}
	report, err := e.report(ctx, words[0])
	if err != nil {
		return err
	}
	if *asJSON {
		err = std.json(report)
	} else {
		err = report.Write(std.out, e.lang, c.Policy.TimeZone.Location())
	}
	if err == nil && report.Found() {
		return errFindings
	}
	return err
}

// explainer gathers what a report says.
type explainer struct {
	db      *store.DB
	config  *config.Config
	lang    explain.Lang
	table   *policy.Table
	schools map[person.SchoolID]string
	now     time.Time
}

func (e *explainer) report(ctx context.Context, name string) (explain.Report, error) {
	r := emptyReport(name)
	var err error
	if e.table, err = e.config.Policy.Compile(); err != nil {
		return r, err
	}
	schools, err := e.db.Directory().Schools(ctx)
	if err != nil {
		return r, err
	}
	e.schools = map[person.SchoolID]string{}
	for _, s := range schools {
		e.schools[s.ID] = s.Name
	}
	if name, err = e.typed(name); err != nil {
		return r, err
	}
	id, err := e.somebody(ctx, name, &r)
	if err != nil {
		return r, err
	}
	// A login may read as a hardware address or a machine's name does.
	thing, seen, err := e.thing(ctx, name)
	switch known := r.Person != "" || len(r.Records) > 0; {
	case err != nil:
		return r, err
	case known && seen:
		r.Also = thing
	case !known && thing != nil:
		thing.Asked, r = r.Asked, *thing
	}
	return r, e.audit(ctx, id, name)
}

// typed takes a name as the daemon takes it: of LDAP's also a person's DN and
// userPrincipalName.
func (e *explainer) typed(name string) (string, error) {
	if e.config.LDAP.Base != "" && strings.ContainsAny(name, "=@") {
		rules, err := rulesServer(e.config)
		if err != nil {
			return "", err
		}
		name = rules.Typed(name)
	}
	return e.bare(name), nil
}

func (e *explainer) bare(typed string) string {
	return bareName(e.config, typed)
}

func emptyReport(asked string) explain.Report {
	return explain.Report{Asked: asked, Roles: []explain.Role{}, Records: []string{}, Channels: []explain.Channel{}, Targets: []explain.Target{},
		SignIns: []explain.SignIn{}, Sessions: []explain.Session{}}
}

// somebody explains whoever has the name, or that nobody has.
func (e *explainer) somebody(ctx context.Context, name string, r *explain.Report) (identity.PersonID, error) {
	holder, err := e.db.Accounts().Find(ctx, name)
	if errors.Is(err, identity.ErrNotFound) {
		return identity.PersonID{}, e.stranger(ctx, name, r)
	}
	if err != nil {
		return identity.PersonID{}, err
	}
	r.Person, r.Login, r.UIDNumber = holder.Person.String(), string(holder.Login), holder.UIDNumber
	r.Name = person.JoinFIO(holder.Last, holder.First, holder.Middle)
	r.Upstream, r.NoUpstream = holder.Subject.Upstream(), e.missing(holder.Subject.Upstream())
	if r.Suspension, err = e.suspension(ctx, holder); err != nil {
		return holder.Person, err
	}
	entry, err := e.db.Directory().Entry(ctx, holder.Person)
	switch {
	case err == nil:
		e.roles(entry, r)
		e.channels(entry, r)
		if err := e.mschapv2(ctx, entry, r); err != nil {
			return holder.Person, err
		}
	case !errors.Is(err, identity.ErrNotFound):
		return holder.Person, err
	case onlyParent(holder):
		r.Account = identity.ReasonRoleNotAllowed
	default:
		r.Account = identity.ReasonNotActivated
	}
	if r.Account != "" { // the daemon does not know either whose the name is
		if err := e.namedSignIns(ctx, name, r); err != nil {
			return holder.Person, err
		}
	}
	for _, part := range []func(context.Context, identity.PersonID, *explain.Report) error{e.targets, e.sessions, e.signIns} {
		if err := part(ctx, holder.Person, r); err != nil {
			return holder.Person, err
		}
	}
	return holder.Person, nil
}

// missing says that an upstream is in the configuration no more.
func (e *explainer) missing(upstream string) bool {
	return upstream != "" && !slices.ContainsFunc(e.config.Upstreams, func(u config.Upstream) bool { return string(u.Name) == upstream })
}

// sessions tells with which devices the person is on the Wi-Fi, and of those
// that were asked to leave within a day what came of it.
func (e *explainer) sessions(ctx context.Context, id identity.PersonID, r *explain.Report) error {
	list, err := e.db.Journal().Find(ctx, journal.Query{Person: id, Live: true, Asked: e.now.Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	for _, s := range list {
		r.Sessions = append(r.Sessions, shownSession(s, e.lang))
	}
	return nil
}

// audit: reading personal data is itself a line of the trail, with the account
// of this machine that reads it.
func (e *explainer) audit(ctx context.Context, id identity.PersonID, asked string) error {
	payload, err := json.Marshal(byCaller(map[string]any{"asked": asked}))
	if err != nil {
		return err
	}
	return e.db.Audit().Append(ctx, []identity.AuditEntry{{At: e.now, Kind: "explain", Person: id, Payload: payload}})
}

// onlyParent says that a person without an account needs none.
func onlyParent(h store.Holder) bool {
	return len(h.Records) > 0 && !slices.ContainsFunc(h.Records, func(r person.RecordRef) bool { return r.Kind != person.RecordCard })
}

// stranger tells what the registries hold of somebody without an account.
func (e *explainer) stranger(ctx context.Context, name string, r *explain.Report) error {
	c, err := e.db.Accounts().RecordsByLogin(ctx, name)
	if err != nil {
		return err
	}
	for _, x := range c.Employments {
		r.Records = append(r.Records, strings.TrimSpace(fmt.Sprintf("%s %s: %s, %s – %s", person.RecordEmployment, x.ID, e.school(x.School), x.Start, x.End)))
	}
	for _, x := range c.Enrolments {
		r.Records = append(r.Records, fmt.Sprintf("%s %s: %s %s %s", person.RecordEnrolment, x.ID, e.school(x.School), x.Class, x.Status))
	}
	r.Foreign = foreign(name)
	switch {
	case len(r.Records) > 0:
		r.Account = identity.ReasonNotActivated
	case person.Classify(name) != person.ShapeLogin:
		r.Account = identity.ReasonLoginOnly
	default:
		r.Account = identity.ReasonUnknown
	}
	return e.namedSignIns(ctx, name, r)
}

// foreign is the domain or realm that a name has once ours are taken off, or "".
func foreign(bare string) string {
	if domain, _, ok := strings.Cut(bare, `\`); ok {
		return domain
	}
	if at := strings.LastIndexByte(bare, '@'); at >= 0 {
		return bare[at+1:]
	}
	return ""
}

func (e *explainer) school(id person.SchoolID) string {
	if name := e.schools[id]; name != "" {
		return name
	}
	return string(id)
}

func (e *explainer) roles(entry *directory.Entry, r *explain.Report) {
	today := person.DateOf(e.now.In(e.table.Zone()))
	for _, a := range entry.Affiliations {
		r.Roles = append(r.Roles, explain.Role{Role: a.Role.String(), School: e.school(a.School), Class: a.Class,
			From: a.From.String(), To: a.To.String(), Active: a.ActiveOn(today)})
	}
}

// channels asks the gates for LDAP and for every school's Wi-Fi.
func (e *explainer) channels(entry *directory.Entry, r *explain.Report) {
	e.channel(entry, r, identity.ChannelLDAP, identity.Source{}, "")
	e.channel(entry, r, identity.ChannelWeb, identity.Source{}, "")
	for _, nas := range e.config.RADIUS.Clients { // rules may name one of a school's
		e.channel(entry, r, identity.ChannelWiFi, identity.Source{NAS: nas.Name, School: nas.School}, nas.Name)
	}
}

func (e *explainer) channel(entry *directory.Entry, r *explain.Report, channel identity.Channel, src identity.Source, where string) {
	answer := explain.Channel{Channel: channel.String(), Allowed: true, Where: where}
	for _, check := range auth.Gates(entry, e.table, channel, src, e.now) {
		if check.Gate == auth.GatePolicy {
			answer.Decided(check.Decision)
		} else if !check.OK {
			answer.Allowed, answer.Reason = false, check.Reason
			break
		}
	}
	r.Channels = append(r.Channels, answer)
}

// mschapv2 tells whether the kept hash serves. Where mos.ru tells of changes its
// age does not count, and only the daemon knows whether it tells just now.
func (e *explainer) mschapv2(ctx context.Context, entry *directory.Entry, r *explain.Report) error {
	v, err := e.db.Credentials().Verifier(ctx, entry.Person)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	m := &explain.MSCHAPv2{Reason: auth.HashReason(v, entry.Epoch), Confirmed: v.LearnAt}
	switch {
	case !e.config.Auth.NTHash:
		m.Reason = identity.ReasonHashOff
	case m.Reason == "" && (!e.config.Mosru.Events.On() || entry.Subject.Upstream() != "") && e.now.Sub(v.LearnAt) > e.config.Auth.NTMaxAge:
		m.Reason = identity.ReasonHashTooOld
	}
	r.MSCHAPv2 = m
	return nil
}

// targets tells how far the account is in Active Directory.
func (e *explainer) targets(ctx context.Context, id identity.PersonID, r *explain.Report) error {
	list, err := e.db.Targets().Status(ctx, id)
	if err != nil {
		return err
	}
	if len(list) == 0 && e.config.AD.On() && r.Account == "" {
		r.Targets = append(r.Targets, explain.Target{Target: targetAD, State: explain.TargetNone, Problems: []explain.Problem{}})
	}
	for _, s := range list {
		t := explain.Target{Target: s.Target, State: string(s.Progress()), Name: s.Name, Teams: s.UPN,
			Made: s.Object != [16]byte{}, Enabled: s.Enabled, Seen: s.Seen, Next: s.Next, PasswordWaits: s.Waiting, Problems: []explain.Problem{}}
		for _, p := range slices.Concat(s.Problems, s.Duplicates) {
			t.Problems = append(t.Problems, explain.ProblemOf(e.lang, p))
		}
		r.Targets = append(r.Targets, t)
	}
	return nil
}
