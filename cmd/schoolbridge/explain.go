package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/queue"
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
	q, err := askedOf(std, *lang, words[0])
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, *file, *lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the audit line is committed by then
	e := newExplainer(db, c, explain.Lang(*lang), time.Now())
	report, err := e.report(ctx, q)
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

// explainer gathers what a report says, for the command and for the pages of
// administration.
type explainer struct {
	db      *store.DB
	config  *config.Config
	lang    explain.Lang
	table   *policy.Table
	schools map[person.SchoolID]string
	now     time.Time
	users   []somebody // people of whom a device's report tells
	// openAD gives Active Directory, to be asked now; nil: nobody asks it, and what
	// was seen there last has to do.
	openAD func() (target *ad.Target, release func(), err error)
	// nobodys is how many attempts of nobody in particular are looked through, and
	// read what was, by the kinds of lines.
	nobodys int
	read    map[string][]attempt
	sees    func(context.Context, identity.PersonID) bool // whether the reader may know of somebody else; nil: of all
}

// newExplainer is the one of commands.
func newExplainer(db *store.DB, c *config.Config, lang explain.Lang, now time.Time) *explainer {
	return &explainer{db: db, config: c, lang: lang, now: now, nobodys: nobodysRead,
		openAD: func() (*ad.Target, func(), error) { return openAD(c, discardLog()) }}
}

func (e *explainer) report(ctx context.Context, q query) (explain.Report, error) {
	r := e.empty(q.shown())
	r.Query = q.kind
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
	var shown []somebody
	switch q.kind {
	case queryLogin:
		r, shown, err = e.named(ctx, q, r)
		if err == nil && r.Account == identity.ReasonLoginOnly && r.Thing == "" && r.Marked == "" && person.Classify(q.text) == person.ShapeEmail {
			q.kind = queryEmail
			foreign := r.Foreign
			r, shown, err = e.found(ctx, q)
			if r.Account == identity.ReasonUnknown { // or it is a login with an ending of ours
				r.Foreign = foreign
			}
		}
	default:
		r, shown, err = e.found(ctx, q)
	}
	if err != nil {
		return r, err
	}
	e.server(ctx, &r)
	r.Diagnose(e.lang, e.now)
	return r, e.audit(ctx, q, append(shown, e.users...))
}

// found explains whoever has what is no login.
func (e *explainer) found(ctx context.Context, q query) (explain.Report, []somebody, error) {
	r := e.empty(q.shown())
	r.Query = q.kind
	shown, err := e.search(ctx, q, &r)
	if err == nil && q.kind == queryEmail { // typed in place of a login
		err = e.namedSignIns(ctx, &r, q.text)
	}
	return r, shown, err
}

// named explains a login, and the device, machine or access point that has such
// a name.
func (e *explainer) named(ctx context.Context, q query, r explain.Report) (explain.Report, []somebody, error) {
	name, err := e.typed(q.text)
	if err != nil {
		return r, nil, err
	}
	mark := marked(e.config, q.text)
	shown, err := e.somebody(ctx, name, mark, &r)
	if err != nil {
		return r, nil, err
	}
	// A login may read as a hardware address or a machine's name does.
	thing, seen, err := e.thing(ctx, name)
	switch known := r.Person != "" || len(r.Records) > 0 || len(r.Hits) > 0 || len(r.There) > 0; {
	case err != nil:
		return r, nil, err
	case known && seen:
		thing.Diagnose(e.lang, e.now)
		last := &r
		for last.Also != nil {
			last = last.Also
		}
		last.Also = thing
	case !known && thing != nil:
		thing.Asked, thing.Query, r = r.Asked, q.kind, *thing
	}
	return r, shown, nil
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

// empty is a report that says nothing yet.
func (e *explainer) empty(asked string) explain.Report {
	return explain.Report{Asked: asked, Zone: e.config.Policy.TimeZone.Location(), Roles: []explain.Role{}, Records: []string{}, Channels: []explain.Channel{}, Targets: []explain.Target{},
		SignIns: []explain.SignIn{}, Sessions: []explain.Session{}}
}

// somebody explains whoever has the login or person id, or who has it in ЭЖД or
// as a city account, or that nobody has. mark is the system whose mark it came with.
func (e *explainer) somebody(ctx context.Context, name, mark string, r *explain.Report) ([]somebody, error) {
	holder, err := e.db.Accounts().Find(ctx, name)
	if err == nil && mark != "" && holder.Subject.Upstream() != mark {
		r.Marked, r.Account = mark, nobodys(name)
		return nil, e.namedSignIns(ctx, r, r.Asked)
	}
	if errors.Is(err, identity.ErrNotFound) {
		if id, bad := identity.ParsePersonID(name); bad == nil {
			holder, err = e.db.Accounts().Get(ctx, id)
		}
	}
	if err == nil {
		if err := e.holder(ctx, holder, name, r); err != nil {
			return nil, err
		}
		var others []somebody
		if mark == "" {
			others, err = e.atMosru(ctx, holder, name, r)
		}
		return append([]somebody{{id: holder.Person}}, others...), err
	}
	if !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	for _, s := range []store.Sought{{Login: name}, {Subject: identity.Subject(name)}} {
		found, err := e.db.Accounts().Search(ctx, s)
		if err != nil {
			return nil, err
		}
		all, err := e.apart(ctx, found)
		if err != nil {
			return nil, err
		}
		switch len(all) {
		case 0:
		case 1:
			r.Foreign = foreign(name)
			return all, e.one(ctx, &all[0], r)
		default:
			return all, e.several(ctx, all, r)
		}
	}
	if was, err := e.gone(ctx, identity.Subject(name), r); err != nil || was != nil {
		return []somebody{{}}, err
	}
	r.Foreign = foreign(name)
	if whose, err := e.atTarget(ctx, name, r); err != nil || whose != nil {
		return whose, err
	}
	r.Account = nobodys(name)
	return nil, e.namedSignIns(ctx, r, name)
}

// atMosru explains beside the holder of a name whoever mos.ru calls so, where that
// is another.
func (e *explainer) atMosru(ctx context.Context, holder store.Holder, name string, r *explain.Report) ([]somebody, error) {
	id, known, err := e.db.Accounts().CityOwner(ctx, name)
	if err != nil || !known || id == holder.Person {
		return nil, err
	}
	also := e.empty(name)
	also.Query = queryLogin
	other := somebody{id: id}
	switch bound, err := e.db.Accounts().Get(ctx, id); {
	case err == nil:
		err = e.holder(ctx, bound, "", &also)
		if err != nil {
			return nil, err
		}
	case !errors.Is(err, identity.ErrNotFound):
		return nil, err
	default: // a city account without a person here
		found, err := e.db.Accounts().Search(ctx, store.Sought{Login: name})
		if err != nil {
			return nil, err
		}
		other = somebody{tries: slices.DeleteFunc(found.Tries, func(t provision.Try) bool { return t.Subject == holder.Subject })}
		if len(other.tries) == 0 {
			return nil, nil
		}
		if err := e.withoutAccount(ctx, &other, &also); err != nil {
			return nil, err
		}
	}
	also.Diagnose(e.lang, e.now)
	r.Also = &also
	return []somebody{other}, nil
}

// nobodys says why a name that nobody has opens nothing.
func nobodys(name string) identity.Reason {
	if person.Classify(name) != person.ShapeLogin {
		return identity.ReasonLoginOnly
	}
	return identity.ReasonUnknown
}

// holder explains a person whom the store has; name is the login that was asked
// for, or "".
func (e *explainer) holder(ctx context.Context, holder store.Holder, name string, r *explain.Report) error {
	r.Person, r.Login, r.UIDNumber = holder.Person.String(), string(holder.Login), holder.UIDNumber
	r.Name = person.JoinFIO(holder.Last, holder.First, holder.Middle)
	r.Upstream, r.NoUpstream = holder.Subject.Upstream(), e.missing(holder.Subject.Upstream())
	var err error
	if r.NameOf, err = e.nameOfAnother(ctx, holder); err != nil {
		return err
	}
	r.Others = otherNames(holder)
	if r.Suspension, err = e.suspension(ctx, holder); err != nil {
		return err
	}
	entry, err := e.db.Directory().Entry(ctx, holder.Person)
	switch {
	case err == nil:
		e.roles(entry, r)
		e.channels(entry, r)
		if err := e.leftFor(ctx, string(identity.ReasonEnded), holder.Records, r); err != nil {
			return err
		}
		if err := e.mschapv2(ctx, entry, r); err != nil {
			return err
		}
	case !errors.Is(err, identity.ErrNotFound):
		return err
	case onlyParent(holder):
		r.Account = identity.ReasonRoleNotAllowed
	default:
		r.Account = identity.ReasonNotActivated
	}
	if r.Account != "" { // the daemon does not know either whose the name is
		if err := e.namedSignIns(ctx, r, name, holder.MosruLogin); err != nil {
			return err
		}
	}
	tries, err := e.db.Accounts().TriesAbout(ctx, holder.Subject, holder.Records)
	if err != nil {
		return err
	}
	if err := e.tries(ctx, tries, holder.Subject, r); err != nil {
		return err
	}
	if err := e.next(ctx, holder, r); err != nil {
		return err
	}
	if err := e.decided(ctx, holder.Person, r, holder.Subject); err != nil {
		return err
	}
	if err := e.there(ctx, holder.Person, holder.Records, r); err != nil {
		return err
	}
	for _, part := range []func(context.Context, identity.PersonID, *explain.Report) error{e.targets, e.sessions, e.signIns, e.instead} {
		if err := part(ctx, holder.Person, r); err != nil {
			return err
		}
	}
	return nil
}

// otherNames are those by which somebody with an account may sign in beside the login.
func otherNames(holder store.Holder) (list []string) {
	for _, n := range holder.Names {
		if folded := person.FoldName(n.Text); holder.Login != "" && folded != person.FoldName(string(holder.Login)) && !slices.Contains(list, folded) {
			list = append(list, folded)
		}
	}
	slices.Sort(list)
	return list
}

// nameOfAnother gives the mos.ru login of somebody with an account where that is
// another person's name here, else "".
func (e *explainer) nameOfAnother(ctx context.Context, holder store.Holder) (string, error) {
	if holder.Login == "" || holder.Subject.Upstream() != "" {
		return "", nil
	}
	other, err := e.db.Accounts().Find(ctx, holder.MosruLogin)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return "", nil
	case err != nil || other.Person == holder.Person:
		return "", err
	}
	return holder.MosruLogin, nil
}

// instead are the attempts with which somebody gave a phone, e-mail or СНИЛС of
// the person's in place of the login, which proves nothing.
func (e *explainer) instead(ctx context.Context, id identity.PersonID, r *explain.Report) error {
	holder, err := e.db.Accounts().Get(ctx, id)
	if err != nil {
		return err
	}
	c, err := e.db.Accounts().Records(ctx, holder.Subject)
	if err != nil {
		return err
	}
	names := []string{holder.Mail}
	for _, x := range e.rowsOf(c) {
		if x.owner == id {
			names = append(names, typed(x.value)...)
		}
	}
	return e.attemptsUnder(ctx, r, true, names...)
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
		shown := shownSession(s, e.lang)
		if d := shown.Disconnect; d != nil && d.Why == string(journal.WhyChanged) && transferred(r.Decisions, s.Began, d.Asked) {
			d.Why = explain.WhyTransferred
		}
		r.Sessions = append(r.Sessions, shown)
	}
	return nil
}

// transferred says that a person was moved to another city account, or back, within a
// time.
func transferred(decisions []explain.Decided, from, to time.Time) bool {
	within := func(at time.Time) bool { return !at.Before(from) && !at.After(to) }
	return slices.ContainsFunc(decisions, func(d explain.Decided) bool {
		return d.Verb == queue.Transfer && (within(d.At) || within(d.Undone))
	})
}

// audit: reading personal data is itself a line of the trail for each person
// shown, with the account of this machine that reads it. It says what was asked
// only where that names nobody: a login, or somebody's record.
func (e *explainer) audit(ctx context.Context, q query, shown []somebody) error {
	if len(shown) == 0 {
		shown = []somebody{{}}
	}
	var lines []identity.AuditEntry
	for _, s := range shown {
		line := map[string]any{"by": q.kind}
		if (q.kind == queryLogin || q.kind == queryRecord) && person.Classify(q.text) == person.ShapeLogin {
			line["asked"] = e.bare(q.text)
		}
		if len(shown) > 1 {
			line["found"] = len(shown)
		}
		if s.id.IsZero() && len(s.rows) > 0 {
			line["record"] = s.rows[0].ref.Kind.String() + ":" + string(s.rows[0].ref.ID)
		}
		payload, err := json.Marshal(byCaller(line))
		if err != nil {
			return err
		}
		lines = append(lines, identity.AuditEntry{At: e.now, Kind: "explain", Person: s.id, Payload: payload})
	}
	return e.db.Audit().Append(ctx, lines)
}

// onlyParent says that a person without an account needs none.
func onlyParent(h store.Holder) bool {
	return len(h.Records) > 0 && !slices.ContainsFunc(h.Records, func(r person.RecordRef) bool { return r.Kind != person.RecordCard })
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
