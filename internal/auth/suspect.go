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
	// CityOwner gives whose account has a login at mos.ru, as far as mos.ru has
	// told: the person that it is bound to, or an id that stands for the account in
	// no other place.
	CityOwner(ctx context.Context, login string) (id identity.PersonID, known bool, err error)
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

// suspect finds whom a name's tries are counted to, and the one system that is
// asked. On the page people type what they have at home, which need not be a name
// of theirs here, so that the same text may be two people's:
//
//	DOMAIN\login, login@realm      the system with that mark, and none but it
//	the login of somebody here      mos.ru; another system only where the names
//	at home                        without a mark are its own
//	another name of somebody here  whoever mos.ru calls so, as far as it has told;
//	                               else whoever last proved to be behind it, or
//	                               nobody known
//	anything else                  whoever last proved to be behind it, or the
//	                               registries' owner, or nobody known
//
// mos.ru is asked with what was typed and with nothing else: asked with the login of
// whoever has the name here, it would count a stranger's tries toward that person's lock.
//
// Without its mark no name leads to a system of marked names, whoever has it here:
// one who keeps a school's directory gives anybody any login in it, and must not be
// shown what somebody else types at mos.ru's door.
func (a *Authenticator) suspect(ctx context.Context, name string, marked *home, c *identity.Credential) (suspect, error) {
	e, ok := a.lookup(name)
	if marked != nil {
		if ok && a.homes.of(e) == marked {
			return a.known(e, c), nil
		}
		k := a.typedKey(marked.name + `\` + name) // a login of its own, of which no registry knows
		return suspect{try: a.pageTry(k, true, 0, c), tags: k, asked: name, home: marked}, nil
	}
	switch {
	case !ok || !tells(e) && a.homes.of(e) != a.homes.strange(name):
		return a.unknown(ctx, name, c)
	case tells(e) && !calls(e, name):
		return a.atMosru(ctx, e, name, c)
	}
	return a.known(e, c), nil
}

// calls says that a name is the entry's login at home.
func calls(e *directory.Entry, name string) bool {
	return person.FoldName(e.MosruLogin) == person.FoldName(name)
}

// known is somebody with an account, under a name of their own.
func (a *Authenticator) known(e *directory.Entry, c *identity.Credential) suspect {
	return suspect{a.pageTry(key(e.Person), false, e.Epoch, c), key(e.Person), e, true, e.MosruLogin, a.homes.of(e)}
}

// atMosru is whoever mos.ru calls by a name that e has here for another reason. The
// registries are not asked whose it is: they may say e, who is not meant.
func (a *Authenticator) atMosru(ctx context.Context, e *directory.Entry, name string, c *identity.Credential) (suspect, error) {
	id, told, err := a.cityOwner(ctx, name)
	if err != nil {
		return suspect{}, err
	}
	s := suspect{tags: a.typedKey(name), asked: name, home: a.homes.all[0]}
	if !told {
		s.entry = a.proved(name)
	} else if other, ok := a.opt.Directory.Get(id); ok && tells(other) && other.MosruLogin != "" {
		s.entry = other
	}
	switch {
	case s.entry != nil && calls(s.entry, name):
		return a.known(s.entry, c), nil
	case s.entry != nil: // mos.ru may call somebody else so by now
		s.try = a.pageTry(key(s.entry.Person), false, s.entry.Epoch, c)
	case told:
		s.try = a.pageTry(a.ownerKey(id), true, 0, c)
	default:
		s.try = a.pageTry(s.tags, true, 0, c)
	}
	return s, nil
}

// cityOwner gives whose account has a login at mos.ru, as far as that is known.
func (a *Authenticator) cityOwner(ctx context.Context, name string) (id identity.PersonID, told bool, err error) {
	if a.opt.Owners == nil {
		return id, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return a.opt.Owners.CityOwner(ctx, name)
}

// proved gives who last proved to be behind a name, or nil.
func (a *Authenticator) proved(name string) *directory.Entry {
	login, ok := a.aliases.Get(a.typedKey(name))
	if !ok {
		return nil
	}
	e, ok := a.lookup(login)
	if !ok || !tells(e) || !calls(e, login) {
		return nil
	}
	return e
}

// onPage gives whom a name means that e has here, where people type what they have
// at mos.ru: how far an account is, is asked with the name of the activation. nil:
// somebody without an account.
func (a *Authenticator) onPage(ctx context.Context, e *directory.Entry, typed string) (*directory.Entry, error) {
	name, marked := a.bareName(typed)
	if marked != nil || !tells(e) || calls(e, name) {
		return e, nil
	}
	id, told, err := a.cityOwner(ctx, name)
	if err != nil || !told || id == e.Person {
		return e, err
	}
	if other, ok := a.opt.Directory.Get(id); ok && tells(other) && calls(other, name) {
		return other, nil
	}
	return nil, nil
}

// unknown is whoever may be behind a name that nobody has here.
func (a *Authenticator) unknown(ctx context.Context, name string, c *identity.Credential) (suspect, error) {
	s := suspect{tags: a.typedKey(name), asked: name, home: a.homes.strange(name)}
	login, alias := a.aliases.Get(s.tags)
	if alias {
		name = login
	}
	count := a.typedKey(name)
	e, ok := a.lookup(name)
	ok = ok && alias && tells(e) && calls(e, name)
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
	if !ok || !tells(e) && a.homes.of(e) != s.home {
		s.try = a.pageTry(count, true, 0, c)
		return s, nil
	}
	s.entry, s.try, s.home = e, a.pageTry(key(e.Person), false, e.Epoch, c), a.homes.of(e)
	if !tells(e) { // another system than mos.ru knows logins only
		s.asked = e.MosruLogin
	}
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
