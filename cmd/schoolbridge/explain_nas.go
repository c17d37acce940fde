package main

import (
	"context"
	"net/netip"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// nas explains an access point or controller by the name of its line in
// radius.clients or by its address: whether requests of it may be listened to,
// and what came of the last ones; of an address of which nothing is known, that. false
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
	if byAddr && len(r.Things) == 0 && len(r.SignIns) == 0 {
		r.Silent = true
	}
	return &r, true, nil
}
