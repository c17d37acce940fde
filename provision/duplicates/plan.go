package duplicates

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Plan says for every group which account stays and what becomes of the others.
// It is written to a file that people read and approve.
type Plan struct {
	Made     time.Time `json:"made"`
	Base     string    `json:"base"` // the domain
	Accounts int       `json:"accounts"`
	Groups   []Planned `json:"groups"`
	Apart    int       `json:"apart"` // pairs of namesakes

	Namesakes []Namesakes `json:"namesakes,omitempty"` // some of them
}

// Namesakes are two accounts of two people.
type Namesakes struct {
	A       string   `json:"a"` // sAMAccountName
	B       string   `json:"b"`
	FIO     string   `json:"fio"`
	Reasons []Reason `json:"reasons"`

	IDs     [2]GUID              `json:"ids,omitzero"` // of A and B
	Schools [2][]person.SchoolID `json:"schools,omitzero"`
}

// namesakesMost is how many pairs a plan tells of.
const namesakesMost = 500

// planMost bounds the plan that is read, in bytes.
const planMost = 512 << 20

// ReadPlan reads a plan from its file, which people may have written in.
func ReadPlan(r io.Reader) (*Plan, error) {
	p := &Plan{}
	if err := json.NewDecoder(io.LimitReader(r, planMost)).Decode(p); err != nil {
		return nil, fmt.Errorf("the plan is no JSON of ours: %w", err)
	}
	for _, g := range p.Groups {
		if len(g.Members) < 2 || len(g.Members) > groupMost || g.Members[0].ID != g.Survivor {
			return nil, fmt.Errorf("the plan's group %q has not two members, the one that stays first", g.ID)
		}
		for _, m := range g.Members {
			for _, s := range m.Steps {
				if s.Kind == Join && len(s.What) != 1 {
					return nil, fmt.Errorf("the plan's group %q has a step without its group", g.ID)
				}
			}
		}
	}
	return p, nil
}

// Planned is one group.
type Planned struct {
	ID        string     `json:"id"`
	Level     Level      `json:"level"`
	Score     int        `json:"score"`
	Ambiguous bool       `json:"ambiguous,omitempty"`
	Survivor  GUID       `json:"survivor"`
	Because   Because    `json:"because"`
	Questions []Question `json:"questions,omitempty"` // answered by whoever approves the group by name
	Members   []Member   `json:"members"`             // the survivor first
}

// Because says why an account stays.
type Because string

// The reasons, the strongest first.
const (
	BecauseOwner    Because = "OWNER"        // the store's row says that it is the person's
	BecauseAnchored Because = "ENTRA_ANCHOR" // Entra ID holds it
	BecauseMosru    Because = "MOSRU_LOGIN"  // named as the mos.ru login
	BecauseEZHD     Because = "EZHD_LOGIN"   // named as the ЭЖД login
	BecauseSignedIn Because = "SIGNED_IN"    // signed in last
	BecauseOldest   Because = "OLDEST"
)

// Question is something that only a person can answer.
type Question string

// The questions.
const (
	SurvivorDisabled Question = "SURVIVOR_DISABLED" // the one that stays is disabled, and another one is not
	NameConflict     Question = "NAME_CONFLICT"     // two domain controllers gave one name away: one person's accounts, or two people's?
	AnchoredLoser    Question = "ANCHORED_LOSER"    // Entra ID holds one that is put to rest: its mailbox and files lie there
)

// Member is one account of a planned group.
type Member struct {
	ID       GUID   `json:"id"`
	Name     string `json:"name"`
	Right    string `json:"right,omitempty"` // the name that the directory took away, as far as that is known
	Display  string `json:"display,omitempty"`
	UPN      string `json:"upn,omitempty"`
	Place    string `json:"place"`
	Enabled  bool   `json:"enabled"`
	Anchored bool   `json:"anchored,omitempty"`
	Owned    bool   `json:"owned,omitempty"`

	Records  []person.RecordRef `json:"records,omitempty"` // that it is claimed for
	Schools  []person.SchoolID  `json:"schools,omitempty"` // of whoever is behind it, as far as known
	SignedIn time.Time          `json:"signed_in,omitzero"`
	Created  time.Time          `json:"created,omitzero"`

	Level   Level    `json:"level"`             // how sure it is that it is the survivor's person
	Reasons []Reason `json:"reasons,omitempty"` // of the link that ties it to the survivor, or to the nearest
	Left    Why      `json:"left,omitempty"`    // why nothing is done with it
	Seen    string   `json:"seen,omitempty"`    // digest of what was read; apply does nothing with what has changed
	Steps   []Step   `json:"steps,omitempty"`   // in the order in which they are made
	Kept    []string `json:"kept,omitempty"`    // groups of its that are not ours to give
}

// Further reasons why an account is left alone.
const (
	Owned  Why = "OWNED"  // it is a person's by the store's row
	Unread Why = "UNREAD" // it is gone, or cannot be read
	Unsure Why = "UNSURE" // ambiguous
)

// Kind is what a step does.
type Kind string

// The kinds, in the order in which they are made.
const (
	Retire Kind = "retire" // disable, take UPN, proxyAddresses and a shared mail
	Claims Kind = "claims" // what the store has as claims on it becomes a claim on the survivor
	Join   Kind = "join"   // the survivor joins a group of its
	Move   Kind = "move"   // it goes to the unit for accounts at rest
)

// Step is one step, for people.
type Step struct {
	Kind Kind     `json:"kind"`
	What []string `json:"what,omitempty"` // attributes, a group, a DN
}

// seen digests an object.
func seen(o Object) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// NewPlan reads the members of all groups again and proposes.
func NewPlan(ctx context.Context, d Directory, found Findings, base string, now time.Time) (Plan, error) {
	p := Plan{Made: now, Base: base, Accounts: found.Accounts, Apart: len(found.Apart) + found.More}
	for _, a := range found.Apart[:min(len(found.Apart), namesakesMost)] {
		p.Namesakes = append(p.Namesakes, Namesakes{
			A: a.A.Name, B: a.B.Name, FIO: cmp.Or(a.A.Display, a.B.Display), Reasons: a.Reasons,
			IDs: [2]GUID{a.A.ID, a.B.ID}, Schools: [2][]person.SchoolID{a.A.Schools, a.B.Schools},
		})
	}
	for _, g := range found.Groups {
		planned, err := planGroup(ctx, d, g)
		if err != nil {
			return Plan{}, fmt.Errorf("plan group %s: %w", g.ID, err)
		}
		p.Groups = append(p.Groups, planned)
	}
	return p, nil
}

func planGroup(ctx context.Context, d Directory, g Group) (Planned, error) {
	p := Planned{ID: g.ID, Level: g.Level, Score: g.Score, Ambiguous: g.Ambiguous}
	order := slices.Clone(g.Members)
	slices.SortStableFunc(order, func(a, b Account) int { return better(&a, &b) })
	first := &order[0]
	p.Survivor, p.Because = first.ID, because(order)
	survivor, err := d.Look(ctx, first.ID)
	if err != nil && !errors.Is(err, ErrGone) && !errors.Is(err, ErrRefused) {
		return p, err
	}
	gone := err != nil
	for i := range order {
		a := &order[i]
		m := memberOf(a)
		m.Level, m.Reasons = g.Between(first.ID, a.ID), g.nearest(first.ID, a.ID)
		o := survivor
		if i == 0 {
			m.Level = Certain
		} else if o, err = d.Look(ctx, a.ID); err != nil && !errors.Is(err, ErrGone) && !errors.Is(err, ErrRefused) {
			return p, err
		}
		switch {
		case i == 0 && gone, i > 0 && err != nil:
			m.Left = Unread
		case i == 0:
			m.Seen = seen(o)
		default:
			m.Seen = seen(o)
			m.plan(d, a, first, o, survivor)
			if g.Ambiguous || gone || first.Untouchable == Protected {
				m.Left, m.Steps = cmp.Or(m.Left, Unsure), nil
			}
		}
		p.Members = append(p.Members, m)
	}
	p.ask()
	return p, nil
}

func memberOf(a *Account) Member {
	return Member{
		ID: a.ID, Name: a.Name, Right: a.right(), Display: a.Display, UPN: a.UPN, Place: a.Place, Enabled: a.Enabled, Anchored: a.Anchored,
		Owned: a.Person != identity.PersonID{}, Records: a.Records, Schools: a.Schools, SignedIn: a.SignedIn, Created: a.Created,
	}
}

// better orders the accounts of a group: the one that stays comes first.
// Protected accounts are nobody's to keep or to give up.
func better(a, b *Account) int {
	yes := func(x bool) int {
		if x {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(yes(a.Untouchable == Protected), yes(b.Untouchable == Protected)),
		-cmp.Compare(yes(a.Person != identity.PersonID{}), yes(b.Person != identity.PersonID{})),
		-cmp.Compare(yes(a.Anchored), yes(b.Anchored)),
		-cmp.Compare(rank(a.Login), rank(b.Login)),
		-a.SignedIn.Compare(b.SignedIn),
		older(a.Created, b.Created),
		strings.Compare(string(a.ID[:]), string(b.ID[:])),
	)
}

// older puts a time that is not known last.
func older(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return -a.Compare(b)
	}
	return a.Compare(b)
}

func rank(k LoginKind) int {
	switch k {
	case MosruLogin:
		return 2
	case EZHDLogin:
		return 1
	}
	return 0
}

// because names the first rule by which the first is ahead of all others.
func because(order []Account) Because {
	a := &order[0]
	switch none := (identity.PersonID{}); {
	case a.Person != none:
		return BecauseOwner
	case a.Anchored:
		return BecauseAnchored
	case a.Login == MosruLogin:
		return BecauseMosru
	case a.Login == EZHDLogin:
		return BecauseEZHD
	case !a.SignedIn.IsZero():
		return BecauseSignedIn
	}
	return BecauseOldest
}

// nearest gives the reasons of the strongest link of an account: to the
// survivor, else to any other.
func (g Group) nearest(survivor, id GUID) []Reason {
	var reasons []Reason
	for _, l := range g.Links { // strongest first
		if l.A != id && l.B != id {
			continue
		}
		if l.A == survivor || l.B == survivor {
			return l.Reasons
		}
		if reasons == nil {
			reasons = l.Reasons
		}
	}
	return reasons
}

// plan says what becomes of an account that does not stay.
func (m *Member) plan(d Directory, a, survivor *Account, o, stays Object) {
	switch {
	case m.Owned:
		m.Left = Owned
	case o.Untouchable != "":
		m.Left = o.Untouchable
	}
	if m.Left != "" {
		return
	}
	if what := retired(o.State, a.ID, survivor).differs(o.State); len(what) > 0 {
		m.Steps = append(m.Steps, Step{Retire, what})
	}
	if len(a.Records) > 0 {
		m.Steps = append(m.Steps, Step{Kind: Claims})
	}
	for _, g := range o.Groups {
		if !slices.Contains(stays.Groups, g) {
			m.Steps = append(m.Steps, Step{Join, []string{g}})
		}
	}
	for _, g := range o.Kept {
		if !slices.Contains(stays.Kept, g) {
			m.Kept = append(m.Kept, g)
		}
	}
	if to := d.Resting(o, false); to != "" {
		m.Steps = append(m.Steps, Step{Move, []string{to}})
	}
}

// addresses are the survivor's mail addresses, normalised.
func addresses(a *Account) []string { return normal(a.Mails, person.Emails) }

// retired is the state of an account at rest: without what another account must
// be able to have, UPN and addresses, and the name where the survivor has the same,
// or had it before it lost it.
func retired(s State, id GUID, survivor *Account) State {
	s.Control |= disabled
	s.UPN, s.Proxies = "", nil
	if meet(normal([]string{s.Mail}, person.Emails), addresses(survivor)) {
		s.Mail = ""
	}
	if s.Name != "" && (strings.EqualFold(s.Name, survivor.Name) || strings.EqualFold(s.Name, survivor.right())) {
		s.Name = Spare(id)
	}
	return s
}

// SparePrefix begins the name of an account whose own is another one's too.
// Windows makes such names in the same case.
const SparePrefix = "$DUPLICATE-"

// Dispossessed says that the name is one of those.
func Dispossessed(name string) bool { return strings.HasPrefix(name, SparePrefix) }

// right is the name that a dispossessed account had, as far as that is known: that
// of the store, else that of its UPN.
func (a *Account) right() string {
	if !Dispossessed(a.Name) {
		return ""
	}
	name, _, _ := strings.Cut(a.UPN, "@")
	return cmp.Or(a.Right, name)
}

// Spare is such a name, of a repair.
func Spare(id GUID) string { return SparePrefix + hex.EncodeToString(id[:4]) }

// differs names the attributes in which two states differ, but for the stamp.
func (s State) differs(t State) []string {
	var list []string
	for _, a := range attributes[:len(attributes)-1] {
		if a.text(s) != a.text(t) {
			list = append(list, a.name)
		}
	}
	return list
}

// ask notes what bulk approval must not decide.
func (p *Planned) ask() {
	first := p.Members[0]
	for _, m := range p.Members[1:] {
		if len(m.Steps) == 0 {
			continue
		}
		if m.Enabled && !first.Enabled && !slices.Contains(p.Questions, SurvivorDisabled) {
			p.Questions = append(p.Questions, SurvivorDisabled)
		}
		if (strings.EqualFold(m.Name, first.Name) || Dispossessed(first.Name)) && !slices.Contains(p.Questions, NameConflict) {
			p.Questions = append(p.Questions, NameConflict)
		}
		if m.Anchored && !slices.Contains(p.Questions, AnchoredLoser) {
			p.Questions = append(p.Questions, AnchoredLoser)
		}
	}
}

// Approve gives the accounts of a group that are put to rest when it is
// approved by name (all that have steps), or in bulk: the certain ones, where
// nothing is left to ask.
func (p *Planned) Approve(bulk bool) []GUID {
	var list []GUID
	for _, m := range p.Members[1:] {
		if len(m.Steps) > 0 && (!bulk || m.Level == Certain && len(p.Questions) == 0) {
			list = append(list, m.ID)
		}
	}
	return list
}

// Disabling is how many accounts that can sign in now are put to rest.
func (p *Planned) Disabling(approved []GUID) int {
	n := 0
	for _, m := range p.Members {
		if m.Enabled && slices.Contains(approved, m.ID) {
			n++
		}
	}
	return n
}
