package main

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// stories tells administrators about people, as the command explain does.
type stories struct {
	d    *daemon
	seal cipher.AEAD // of handles and places, which a browser holds
}

var _ console.Stories = stories{}

func newStories(d *daemon) (stories, error) {
	key, err := d.db.SharedKey("handles of administration")
	if err != nil {
		return stories{}, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return stories{}, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	return stories{d, seal}, err
}

// handle names somebody whom no person id names.
type handle struct {
	Kind    person.RecordKind `json:"k,omitempty"`
	Key     person.RecordID   `json:"i,omitempty"`
	FIO     string            `json:"f,omitempty"` // whose row of a card
	Subject identity.Subject  `json:"s,omitempty"` // who has no row
}

// sealed is a value that only we can make, for a browser to bring back.
func (s stories) sealed(use string, value any) string {
	text, err := json.Marshal(value)
	if err != nil { // of texts and numbers: never fails
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(s.seal.Seal(nil, nil, text, []byte(use)))
}

// maxSealed bounds what a browser brings back.
const maxSealed = 2 << 10

// unsealed reads what sealed made; identity.ErrNotFound for anything else.
func (s stories) unsealed(use, text string, value any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil && len(text) > maxSealed {
		err = identity.ErrNotFound
	}
	if err == nil {
		b, err = s.seal.Open(nil, nil, b, []byte(use))
	}
	if err == nil {
		err = json.Unmarshal(b, value)
	}
	if err != nil {
		return identity.ErrNotFound
	}
	return nil
}

const (
	sealedHandle = "handle"
	sealedPlace  = "place"
)

// nobodysGlanced is how many attempts of nobody in particular a page looks through,
// which has less time than the command.
const nobodysGlanced = 500

// explainer is the one of a page.
func (s stories) explainer(view console.View, ask bool) *explainer {
	e := &explainer{db: s.d.db, config: s.d.inForce(), lang: explain.Lang(view.Lang), now: view.At, nobodys: nobodysGlanced, table: s.d.policy.Load(), schools: map[person.SchoolID]string{}}
	e.sees = func(ctx context.Context, id identity.PersonID) bool {
		return s.d.db.People().Covers(ctx, view.Scope, id) == nil
	}
	for _, school := range s.d.people.Schools() {
		e.schools[school.ID] = school.Name
	}
	if ask && s.d.ad != nil {
		e.openAD = func() (*ad.Target, func(), error) { return s.d.ad, func() {}, nil }
	}
	return e
}

// Find implements console.Stories.
func (s stories) Find(ctx context.Context, view console.View, typed, next string) (console.Results, error) {
	q := query{kindOf(typed), typed}
	r := console.Results{Kind: q.kind}
	if _, ok := person.ParseSNILS(typed); !ok && shapedSNILS.MatchString(typed) {
		r.Slip = true
		return r, nil
	}
	e := s.explainer(view, false)
	found, err := s.sought(ctx, e, view, q, next)
	if err != nil {
		return r, err
	}
	all, err := e.apart(ctx, found.Found)
	if err != nil {
		return r, err
	}
	for _, one := range all {
		hit, err := s.hit(ctx, e, &one)
		if err != nil {
			return r, err
		}
		r.Hits = append(r.Hits, hit)
	}
	slices.SortStableFunc(r.Hits, func(a, b console.Hit) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.School, b.School))
	})
	if r.More = found.More; found.Next != nil {
		r.Next = s.sealed(sealedPlace, found.Next)
	}
	return r, nil
}

// sought asks the store.
func (s stories) sought(ctx context.Context, e *explainer, view console.View, q query, next string) (store.Sighted, error) {
	people := s.d.db.People()
	if q.kind == queryRecord {
		ref, _ := recordRef(q.text)
		found, err := people.Record(ctx, view.Scope, ref)
		if errors.Is(err, identity.ErrNotFound) {
			err = nil
		}
		return store.Sighted{Found: found}, err
	}
	seek := store.Seek{}
	switch q.kind {
	case queryFIO:
		seek.FIO = q.text
	case queryPhone:
		seek.Phone = q.text
	case querySNILS:
		seek.SNILS = q.text
	case queryEmail:
		seek.Email = q.text
		if name := e.bare(q.text); name != q.text { // a login with one of our realms
			seek.Login = name
		}
		for _, entry := range s.d.people.ByMail(q.text, nil) {
			if strings.EqualFold(entry.Mail, q.text) {
				seek.Known = append(seek.Known, entry.Person)
			}
		}
	default:
		name, err := e.typed(q.text)
		if err != nil {
			return store.Sighted{}, err
		}
		seek.Login = name
		if id, err := identity.ParsePersonID(name); err == nil {
			seek.Known = append(seek.Known, id)
		}
	}
	if next != "" {
		if err := s.unsealed(sealedPlace, next, &seek.After); err != nil {
			return store.Sighted{}, err
		}
	}
	return people.Find(ctx, view.Scope, seek)
}

// hit shows one of those found.
func (s stories) hit(ctx context.Context, e *explainer, one *somebody) (console.Hit, error) {
	shown, err := e.hit(ctx, one)
	if err != nil {
		return console.Hit{}, err
	}
	h := console.Hit{Person: one.id, Name: shown.Name, Login: shown.Login, School: shown.School, What: shown.What, State: "none"}
	if shown.Role != "" {
		h.Role = explain.RoleIn(e.lang, shown.Role)
	}
	onlyCards := len(one.rows) > 0 && !slices.ContainsFunc(one.rows, func(r row) bool { return r.ref.Kind != person.RecordCard })
	switch {
	case len(one.tries) > 0:
		h.State = "try"
	case onlyCards:
		h.State = "parent"
	}
	if one.id.IsZero() {
		h.Record = loginOfTry(one)
		if len(one.rows) > 0 {
			h.Record = one.rows[0].ref.Word()
		}
		h.Handle = s.sealed(sealedHandle, handleOf(one))
		return h, nil
	}
	h.Handle = one.id.String()
	holder, err := e.db.Accounts().Get(ctx, one.id)
	switch {
	case holder.Suspended || holder.Closed:
		h.State = "closed"
	case holder.Login != "":
		h.State = "account"
	}
	return h, err
}

// loginOfTry names for the trail whom no record tells: by the login of the first try.
func loginOfTry(one *somebody) string {
	if len(one.tries) == 0 {
		return ""
	}
	return "login:" + one.tries[0].Login
}

func handleOf(one *somebody) handle {
	if len(one.rows) > 0 {
		return handle{Kind: one.rows[0].ref.Kind, Key: one.rows[0].ref.ID, FIO: one.rows[0].fio}
	}
	return handle{Subject: one.tries[0].Subject}
}

// Story implements console.Stories. Who is named wrongly costs the same look into
// the store as who may not be seen.
func (s stories) Story(ctx context.Context, view console.View, named string, ask bool) (*console.Story, error) {
	e := s.explainer(view, ask)
	t := &telling{stories: s, explainer: e, view: view, story: &console.Story{Handle: named, Asked: ask && s.d.ad != nil, CanAsk: s.d.ad != nil, Report: e.empty("")}}
	id, err := identity.ParsePersonID(named)
	if err == nil {
		if err := s.d.db.People().Covers(ctx, view.Scope, id); err != nil {
			return nil, err
		}
		return t.story, t.person(ctx, id)
	}
	var h handle
	if err := s.unsealed(sealedHandle, named, &h); err != nil {
		if err := s.d.db.People().Covers(ctx, view.Scope, identity.PersonID{}); err != nil {
			return nil, err
		}
		return nil, identity.ErrNotFound
	}
	return t.story, t.handle(ctx, h)
}

// telling is a story under way.
type telling struct {
	stories
	*explainer
	view  console.View
	story *console.Story
}

// person tells about somebody whom the store knows.
func (t *telling) person(ctx context.Context, id identity.PersonID) error {
	holder, err := t.db.Accounts().Get(ctx, id)
	if err != nil {
		return err
	}
	t.story.Person, t.story.Handle = id, id.String()
	if err := t.holder(ctx, holder, "", &t.story.Report); err != nil {
		return err
	}
	profile, told, err := t.db.Accounts().Profile(ctx, id)
	if err != nil {
		return err
	}
	found, err := t.db.Accounts().Records(ctx, holder.Subject)
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(t.rowsOf(found), func(r row) bool {
		return r.owner != id && !slices.ContainsFunc(found.Enrolments, func(e person.Enrolment) bool { return r.ref.ID == e.ID && e.MergedTo != "" })
	})
	seen, masked := t.within(own)
	here, err := t.narrow(ctx, id, seen)
	if err != nil {
		return err
	}
	decision, err := t.compare(ctx, profile, seen, len(masked) > 0, id)
	if err != nil {
		return err
	}
	t.mask(masked)
	if here {
		if err := t.trail(ctx, id); err != nil {
			return err
		}
	}
	t.finish(explain.Known{Told: told, Records: len(own), Decision: decision})
	return nil
}

// handle tells about somebody who is no person here yet.
func (t *telling) handle(ctx context.Context, h handle) error {
	var one somebody
	var masked []row
	if h.Subject != "" {
		tries, err := t.db.Accounts().TriesAbout(ctx, h.Subject, nil)
		if err != nil {
			return err
		}
		if len(tries) == 0 || !t.view.Scope.All() { // it fits no school
			return identity.ErrNotFound
		}
		one.tries = tries
		t.story.Record = loginOfTry(&one)
	} else {
		found, err := t.d.db.People().Record(ctx, t.view.Scope, person.RecordRef{Kind: h.Kind, ID: h.Key})
		if err != nil {
			return err
		}
		all, err := t.apart(ctx, found)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(s somebody) bool {
			return slices.ContainsFunc(s.rows, func(r row) bool { return r.ref.ID == h.Key && r.ref.Kind == h.Kind && (h.FIO == "" || r.fio == h.FIO) })
		})
		if i < 0 {
			return identity.ErrNotFound
		}
		one = all[i]
		if !one.id.IsZero() { // came to an account meanwhile
			return t.person(ctx, one.id)
		}
		one.rows, masked = t.within(one.rows)
		t.story.Record = person.RecordRef{Kind: h.Kind, ID: h.Key}.Word()
	}
	if err := t.withoutAccount(ctx, &one, &t.story.Report); err != nil {
		return err
	}
	known := explain.Known{Records: len(one.rows)}
	var profile person.Profile
	if tries := t.story.Report.Tries; len(tries) > 0 {
		known.Told, known.Decision = tries[0].At, cmp.Or(tries[0].NowDecision, tries[0].Decision)
		kept, err := t.db.Accounts().TriesAbout(ctx, identity.Subject(tries[0].Subject), nil)
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			profile = kept[0].Profile
		}
	}
	if _, err := t.compare(ctx, profile, one.rows, len(masked) > 0, identity.PersonID{}); err != nil {
		return err
	}
	t.finish(known)
	return nil
}

// storyFields are the lines of the comparison.
var storyFields = []string{"fio", "snils", "birth_date", "phone", "email", "login", "school", "place", "state"}

// compare puts what mos.ru says beside the records, and judges them now.
func (t *telling) compare(ctx context.Context, p person.Profile, rows []row, masked bool, own identity.PersonID) (decision string, err error) {
	says := &queueDesk{says: queueTexts[string(t.lang)]}
	var known *person.Profile
	if p.Subject != "" {
		known = &p
		snils := hidden(p.SNILS)
		if snils != "" && !p.SNILSConfirmed {
			snils += " (" + says.says.unconfirmed + ")"
		}
		t.story.Sides = append(t.story.Sides, console.Side{Source: cmp.Or(p.Subject.Upstream(), "mos.ru"), Values: map[string]string{"fio": person.JoinFIO(p.Last, p.First, p.Middle),
			"snils": snils, "birth_date": p.BirthDate.String(), "phone": says.contact(p.Phone, p.PhoneVerified), "email": says.contact(p.Email, p.EmailVerified), "login": p.Login}})
	}
	for _, r := range rows {
		side := says.rowSide(queue.Row{Record: r.ref, Value: r.value, Bound: !r.owner.IsZero(), Own: r.owner == own}, known)
		side.Values["school"] = t.school(person.SchoolID(side.Values["school"]))
		t.story.Sides = append(t.story.Sides, console.Side{Source: trail.RegistryName(t.lang, r.ref.Kind) + " " + string(r.ref.ID), Own: !own.IsZero() && r.owner == own, Values: side.Values, Equal: side.Equal})
	}
	for _, side := range t.story.Sides {
		dotDays(side.Values)
	}
	for _, field := range storyFields {
		if slices.ContainsFunc(t.story.Sides, func(s console.Side) bool { return s.Values[field] != "" }) {
			t.story.Fields = append(t.story.Fields, console.Field{Name: field, Title: says.says.fields[field]})
		}
	}
	if known == nil {
		return "", nil
	}
	v, asked, err := t.judge(ctx, p)
	if err == nil && !asked {
		err = t.stillObjectsTo(ctx, p, &v)
	}
	if errors.Is(err, store.ErrTooMany) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	t.story.Verdict = &console.Verdict{Decision: explain.DecisionIn(t.lang, string(v.Decision)), Match: v.Decision == match.Match}
	namer := t.namer(ctx, rows)
	for _, r := range v.Reasons {
		if masked && r.Value != "" { // a name that may stand in a record which is not shown
			continue
		}
		t.story.Verdict.Reasons = append(t.story.Verdict.Reasons, r.In(string(t.lang), namer.name))
	}
	for _, problem := range v.Problems {
		if card := (person.RecordRef{Kind: person.RecordCard, ID: person.RecordID(problem.Arg)}); problem.Arg != "" && problem.Code.OfCard() && namer.name(card) == "" {
			problem.Arg = ""
		}
		t.story.Verdict.Problems = append(t.story.Verdict.Problems, explain.ProblemAt(t.lang, p.Subject.Upstream(), problem))
	}
	return string(v.Decision), namer.err
}

// stillObjectsTo is stillObjects by the last try with a city account.
func (t *telling) stillObjectsTo(ctx context.Context, p person.Profile, now *match.Verdict) error {
	kept, err := t.db.Accounts().TriesAbout(ctx, p.Subject, nil)
	if err != nil || len(kept) == 0 {
		return err
	}
	last := slices.MaxFunc(kept, func(a, b provision.Try) int { return a.At.Compare(b.At) })
	return t.stillObjects(ctx, p, last.Problems, now)
}

// recordNamer names records to whoever reads a story: those that stand on the page,
// and those that the scope covers. A comparison looks at namesakes too, who may be
// another school's.
type recordNamer struct {
	t     *telling
	ctx   context.Context
	shown map[person.RecordRef]bool
	err   error
}

func (t *telling) namer(ctx context.Context, rows []row) *recordNamer {
	n := &recordNamer{t, ctx, map[person.RecordRef]bool{}, nil}
	for _, r := range rows {
		n.shown[r.ref] = true
	}
	return n
}

// name gives a record's name, "" where it may not be known.
func (n *recordNamer) name(ref person.RecordRef) string {
	may, known := n.shown[ref]
	if !known && !n.t.view.Scope.All() {
		_, err := n.t.d.db.People().Record(n.ctx, n.t.view.Scope, ref)
		if may = err == nil; err != nil && !errors.Is(err, identity.ErrNotFound) {
			n.err = err
		}
		n.shown[ref] = may
	}
	if !may && !n.t.view.Scope.All() {
		return ""
	}
	return string(ref.ID)
}
