package auth

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Home is a system beside mos.ru where passwords are at home.
//
// Who owns a person is decided once, at the activation, by the name that was
// typed there, before any system has seen the password: Domains, Realms and
// Unmarked say whose it is, and mos.ru has the rest. From then on it is part of
// the person's Subject. No other system is ever asked about the person, whatever
// the owner answers and whether it answers: a password is shown to one system
// only, and an old one that another still takes opens nothing. A name that is
// marked for one system is nobody's if the person is at home in another; on the
// page of activation a name leads to such a system by its mark alone (suspect.go).
type Home struct {
	Name string // as Subject.Upstream gives it
	Upstream
	Profiler
	Domains, Realms []string // what marks its names: DOMAIN\, @realm, in any case; in Options.Domains and Realms they are not
	Unmarked        bool     // logins without any mark are its own too; of one Home at most
}

// home is what is known of one system.
type home struct {
	name  string // "": mos.ru
	ask   Upstream
	known Profiler // nil of mos.ru: Identify is told
	// down is when it last gave nobody an answer (unreachable, throttling us,
	// refusing us as a client), in Unix ns; 0 once it answered since.
	down  atomic.Int64
	delay delay
}

// homes are all systems; the first is mos.ru.
type homes struct {
	all      []*home
	byName   map[string]*home
	marks    []Home
	unmarked *home
	lost     *home // of those whose system is in no configuration any more
}

func newHomes(o Options) (*homes, error) {
	mosru := &home{ask: o.Upstream}
	h := &homes{all: []*home{mosru}, byName: map[string]*home{"": mosru}, marks: o.Homes, unmarked: mosru, lost: &home{ask: gone{}, known: gone{}}}
	for _, other := range o.Homes {
		switch {
		case other.Name == "" || other.Upstream == nil || other.Profiler == nil:
			return nil, errors.New("auth: an upstream without a name or a client")
		case h.byName[other.Name] != nil:
			return nil, errors.New("auth: two upstreams of one name: " + other.Name)
		case other.Unmarked && h.unmarked != mosru:
			return nil, errors.New("auth: two upstreams own the names without a mark")
		}
		one := &home{name: other.Name, ask: other.Upstream, known: other.Profiler}
		h.all, h.byName[other.Name] = append(h.all, one), one
		if other.Unmarked {
			h.unmarked = one
		}
	}
	return h, nil
}

// gone is the client of a system that is no longer there. Nobody else is asked.
type gone struct{}

func (gone) SignIn(context.Context, string, identity.Password) (identity.Subject, error) {
	return "", identity.ErrFault
}

func (gone) Profile(context.Context, string, identity.Password) (person.Profile, error) {
	return person.Profile{}, identity.ErrFault
}

// of gives the home of somebody with an account.
func (h *homes) of(e *directory.Entry) *home {
	if one := h.byName[e.Subject.Upstream()]; one != nil {
		return one
	}
	return h.lost
}

// tells says whether the home tells of changed passwords: mos.ru alone may.
func tells(e *directory.Entry) bool { return e.Subject.Upstream() == "" }

// nobody gives the key of a name that nobody has, and the home in which it is
// treated as being: any of them, and always the same one, so that it tells nothing
// who is unavailable while one system is down, nor with which marks a name shares
// its failures.
func (a *Authenticator) nobody(typed string) (key, *home) {
	name, marked := a.bareName(typed)
	k := a.nameKey(name)
	at := a.homes.all[int(k[0])%len(a.homes.all)]
	if marked != nil && marked != at {
		return a.nameKey(marked.name + `\` + name), marked
	}
	return k, at
}

// bareName gives a typed name without domain and realm, and the home that it is
// marked for, or nil. A mark counts whatever else stands around the login: what is
// not understood shall not reach another home.
func (a *Authenticator) bareName(typed string) (string, *home) {
	domain, _, slashed := strings.Cut(typed, `\`)
	realm := typed[strings.LastIndexByte(typed, '@')+1:]
	for _, m := range a.homes.marks {
		if slashed && among(m.Domains, domain) || len(realm) < len(typed) && among(m.Realms, realm) {
			return BareName(BareName(typed, m.Domains, m.Realms), a.opt.Domains, nil), a.homes.byName[m.Name]
		}
	}
	return BareName(typed, a.opt.Domains, a.opt.Realms), nil
}

// whose gives the person who has a name here. With another home's mark than the
// person's it is nobody's.
func (a *Authenticator) whose(typed string) (*directory.Entry, bool) {
	return a.has(a.bareName(typed))
}

func (a *Authenticator) has(name string, marked *home) (*directory.Entry, bool) {
	e, ok := a.opt.Directory.Lookup(name)
	if !ok || marked != nil && a.homes.of(e) != marked {
		return nil, false
	}
	return e, true
}

// strange gives the home of an unmarked name that nobody has here.
func (h *homes) strange(bare string) *home {
	if person.Classify(bare) == person.ShapeLogin {
		return h.unmarked
	}
	return h.all[0]
}
