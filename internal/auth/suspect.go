package auth

import (
	"context"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Owners says whose a typed name is, beyond the logins that the directory
// knows; the store implements it.
type Owners interface {
	// Owner gives the person to whom an e-mail address, a phone, a СНИЛС or an
	// ЭЖД login belongs by the registries, or, of somebody without an account,
	// an id that stands for the person in no other place. false: nobody's, or
	// several people's.
	Owner(ctx context.Context, name string) (id identity.PersonID, ok bool, err error)
}

// suspect is whose account a name may open on mos.ru, where a login, an e-mail
// address, a phone and a СНИЛС all open the same one: its tries are counted
// together, or four names would give four times as many before mos.ru locks.
type suspect struct {
	try   try
	tags  key              // of the refused passwords: what mos.ru refuses under one name it may take under another
	entry *directory.Entry // nil: has no account here
	named bool             // the name is the entry's own, not only believed to be
	asked string           // what its home is asked with
	home  *home            // the one system that is asked
}

// suspect finds whom a name's tries are counted to: the directory's person;
// whoever last proved to be behind the name; the registries' owner; or the name
// itself.
func (a *Authenticator) suspect(ctx context.Context, name string, marked *home, c *identity.Credential) (suspect, error) {
	if e, ok := a.lookup(name); ok && (marked == nil || a.homes.of(e) == marked) {
		return suspect{a.pageTry(key(e.Person), false, e.Epoch, c), key(e.Person), e, true, e.MosruLogin, a.homes.of(e)}, nil
	}
	if marked != nil { // a login of its own, of which no registry knows
		k := a.typedKey(marked.name + `\` + name)
		return suspect{try: a.pageTry(k, true, 0, c), tags: k, asked: name, home: marked}, nil
	}
	s := suspect{tags: a.typedKey(name), asked: name, home: a.homes.strange(name)}
	if login, ok := a.aliases.Get(s.tags); ok {
		name = login
	}
	count := a.typedKey(name)
	e, ok := a.lookup(name)
	if !ok && a.opt.Owners != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		id, owned, err := a.opt.Owners.Owner(ctx, name)
		if err != nil {
			return s, err
		}
		if owned {
			count = a.ownerKey(id)
			e, ok = a.opt.Directory.Get(id)
		}
	}
	if ok {
		s.entry, s.try, s.home = e, a.pageTry(key(e.Person), false, e.Epoch, c), a.homes.of(e)
		if !tells(e) { // another system than mos.ru knows logins only
			s.asked = e.MosruLogin
		}
		return s, nil
	}
	s.try = a.pageTry(count, true, 0, c)
	return s, nil
}

// pageTry is a try on the page. It is the same for those whom we know and for
// others, or the page would tell who has an account.
func (a *Authenticator) pageTry(k key, phantom bool, epoch uint64, c *identity.Credential) try {
	t := a.guard.try(k, phantom, epoch, c)
	t.page = true
	return t
}

// lookup finds somebody whose home can be asked.
func (a *Authenticator) lookup(name string) (*directory.Entry, bool) {
	e, ok := a.opt.Directory.Lookup(name)
	return e, ok && e.MosruLogin != ""
}

// link remembers what a success showed: all these names open one account. Only
// what mos.ru vouches for is taken, for it gives each such name to one account.
func (a *Authenticator) link(typed string, p person.Profile) {
	names := []string{typed}
	if p.PhoneVerified {
		names = append(names, p.Phone)
	}
	if p.EmailVerified {
		names = append(names, p.Email)
	}
	if p.SNILSConfirmed {
		names = append(names, p.SNILS)
	}
	for _, name := range names {
		if name != "" && p.Login != "" && person.FoldName(name) != person.FoldName(p.Login) {
			a.aliases.Add(a.typedKey(name), p.Login)
		}
	}
}

// typedKey is the key of a name without an account here. What a device tried
// with it before the activation (and was refused without asking mos.ru) does
// not count in it.
func (a *Authenticator) typedKey(name string) (k key) {
	sum := a.phantom.over(key{}, 3, identity.Password(plainName(name)))
	copy(k[:], sum[:])
	return k
}

// ownerKey is the key of somebody whom only the registries know.
func (a *Authenticator) ownerKey(id identity.PersonID) (k key) {
	sum := a.phantom.over(key(id), 4, "")
	copy(k[:], sum[:])
	return k
}

// plainName writes a phone and a СНИЛС in one way: their punctuation would give
// each as many tries as there are ways to write it.
func plainName(name string) string {
	switch person.Classify(name) {
	case person.ShapePhone:
		if all := person.Phones(name); len(all) == 1 {
			return "phone " + string(all[0])
		}
	case person.ShapeSNILS:
		if s, ok := person.ParseSNILS(name); ok {
			return "snils " + string(s)
		}
	}
	return person.FoldName(name)
}
