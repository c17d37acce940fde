package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// nas explains an access point or controller by the name of its line in
// radius.clients or by its address: whether requests of it may be listened to, what
// came of the last ones, and when one was understood last; of an address from which no
// request came, which device had it on the Wi-Fi, or that nothing is known. false
// where the name is neither.
func (e *explainer) nas(ctx context.Context, name string) (*explain.Report, bool, error) {
	addr, err := netip.ParseAddr(name)
	byAddr := err == nil
	r := e.empty(name)
	r.Thing = explain.ThingNAS
	for _, c := range e.config.RADIUS.Clients {
		if byAddr && c.Range.Contains(addr.Unmap()) || !byAddr && c.Name == name {
			r.Things = append(r.Things, explain.Thing{Kind: r.Thing, Name: c.Name, Authority: c.Range.String(), School: e.school(person.SchoolID(c.School))})
		}
	}
	if !byAddr && len(r.Things) == 0 {
		return nil, false, nil
	}
	list, err := e.attempts(ctx, identity.PersonID{}, e.nobodys, auditUnheard)
	if err != nil {
		return nil, false, err
	}
	own := func(a *attempt) bool {
		if byAddr {
			return a.Addr == addr.Unmap().String()
		}
		return a.NAS == name
	}
	add(&r, list, func(a *attempt) bool { return own(a) && !strings.EqualFold(a.Outcome, identity.Accepted.String()) })
	nobodys, err := e.both(ctx, identity.PersonID{}, e.nobodys, e.nobodys)
	if err != nil {
		return nil, false, err
	}
	if !byAddr || len(r.Things) == 0 { // programs and boards have addresses too
		add(&r, nobodys, own)
	}
	if len(r.Things) > 0 {
		r.Heard, err = e.heard(ctx, func(a *attempt) bool {
			return own(a) || byAddr && slices.ContainsFunc(r.Things, func(t explain.Thing) bool { return t.Name == a.NAS && single(t.Authority) })
		})
		return &r, true, err
	}
	if byAddr && len(r.SignIns) == 0 {
		err = e.address(ctx, addr.Unmap(), &r)
	}
	return &r, true, err
}

// single says that a range of radius.clients is one address.
func single(text string) bool {
	prefix, err := netip.ParsePrefix(text)
	return err != nil || prefix.IsSingleIP()
}

// heardLook bounds the blocks of sign-ins in which an access point's last request is
// looked for.
const heardLook = 200

// heard gives when the newest request was understood that fits: whoever sent it knows
// the secret. Zero: there is none of late.
func (e *explainer) heard(ctx context.Context, fit func(*attempt) bool) (time.Time, error) {
	page, err := e.db.Audit().Browse(ctx, store.AuditAsk{Kinds: []string{auth.AuditSignIn}, Limit: 1, Look: heardLook, Keep: func(entry identity.AuditEntry) bool {
		var a attempt
		if entry.Payload == nil || json.Unmarshal(entry.Payload, &a) != nil || a.Channel != identity.ChannelWiFi.String() {
			return false
		}
		return fit(&a) && (!entry.Person.IsZero() || strings.EqualFold(a.Outcome, identity.Accepted.String()))
	}})
	if err != nil || len(page.Entries) == 0 {
		return time.Time{}, err
	}
	return page.Entries[0].At, nil
}

// addressSessions bounds the sessions that are told of an address.
const addressSessions = 10

// address tells which devices had an address of which no request came.
func (e *explainer) address(ctx context.Context, addr netip.Addr, r *explain.Report) error {
	list, err := e.db.Journal().Find(ctx, journal.Query{Address: addr, Most: addressSessions})
	if err != nil || len(list) == 0 {
		r.Silent = err == nil
		return err
	}
	r.Thing = explain.ThingAddress
	for _, s := range list {
		shown := shownSession(s, e.lang)
		if !s.Person.IsZero() {
			holder, err := e.db.Accounts().Get(ctx, s.Person)
			if err != nil && !errors.Is(err, identity.ErrNotFound) {
				return err
			}
			shown.Login, shown.Name = string(holder.Login), person.JoinFIO(holder.Last, holder.First, holder.Middle)
			if !slices.ContainsFunc(e.users, func(u somebody) bool { return u.id == s.Person }) {
				e.users = append(e.users, somebody{id: s.Person})
			}
		}
		r.Sessions = append(r.Sessions, shown)
	}
	return nil
}
