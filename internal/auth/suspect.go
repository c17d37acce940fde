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
	asked string           // what mos.ru is asked with
}

// suspect finds whom a name's tries are counted to: the directory's person;
// whoever last proved to be behind the name; the registries' owner; or the name
// itself.
func (a *Authenticator) suspect(ctx context.Context, name string, c *identity.Credential) (suspect, error) {
	if e, ok := a.lookup(name); ok {
		return suspect{a.guard.try(key(e.Person), false, e.Epoch, c), key(e.Person), e, true, e.MosruLogin}, nil
	}
	s := suspect{tags: a.typedKey(name), asked: name}
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
		s.entry, s.try = e, a.guard.try(key(e.Person), false, e.Epoch, c)
		return s, nil
	}
	s.try = a.guard.try(count, true, 0, c)
	s.try.cost = strangerCost
	return s, nil
}

// strangerCost is how many failures of a source one counts for that mos.ru was
// asked about and that concerns nobody here: mos.ru knows millions of people,
// and the form must not serve to search among them. With the default limits 50
// at once and one every 2 s, which a school on the day of its activation does
// not reach.
const strangerCost = 4

// lookup finds somebody whom mos.ru can be asked about.
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
