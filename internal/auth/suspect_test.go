package auth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// guesses identifies with n wrong passwords under each name in turn, and says
// how often mos.ru was asked.
func (w *world) guesses(n int, names ...string) int {
	before := w.calls()
	for i := range n {
		for _, name := range names {
			w.identify(name, identity.Password(fmt.Sprintf("guess-%d-%s", i, name)), "d")
		}
	}
	return w.calls() - before
}

// owners ascribes names to people.
type owners map[string]identity.PersonID

func (o owners) Owner(_ context.Context, name string) (identity.PersonID, bool, error) {
	id, ok := o[name]
	return id, ok, nil
}

// CityOwner ascribes logins at mos.ru, which stand under "city LOGIN".
func (o owners) CityOwner(_ context.Context, login string) (identity.PersonID, bool, error) {
	id, ok := o["city "+login]
	return id, ok, nil
}

// However a phone or a СНИЛС is written, it is one name with one share of
// tries.
func TestOneNameHoweverWritten(t *testing.T) {
	for _, names := range [][]string{
		{"+7 916 123-45-67", "89161234567", "8 (916) 123 45 67", "+79161234567", "8-916-123-45-67", " 8 916 1234567 "},
		{"112-233-445 95", "11223344595", "112 233 445 95", "112.233.445.95"},
		{"new@mail.example", "NEW@mail.example", " New@Mail.Example"},
		{"newcomer", "NEWCOMER", "newcömer", " newcomer "},
	} {
		w := newWorld(t)
		if asked := w.guesses(4, names...); asked > 3 {
			t.Errorf("%q: mos.ru was asked %d times", names, asked)
		}
	}
}

// All names of one account share its tries: by the registries, and by what a
// former success showed.
func TestAllNamesShareTries(t *testing.T) {
	names := []string{"orlovami", "orlova@mail.example", "+7 916 123-45-67", "112-233-445 95"}
	orlova := identity.PersonID{1}
	o := owners{names[1]: orlova, names[2]: orlova, names[3]: orlova}
	w := newWorld(t, func(opt *Options) { opt.Owners = o })
	if asked := w.guesses(4, names...); asked != 2 {
		t.Errorf("mos.ru was asked %d times about somebody with an account", asked)
	}
	// Somebody without an account, whom only the registries know.
	for name := range o {
		o[name] = identity.PersonID{77}
	}
	o["newcomer"] = identity.PersonID{77}
	if asked := w.guesses(4, "newcomer", names[1], names[2], names[3]); asked != 2 {
		t.Errorf("mos.ru was asked %d times about somebody of the registries", asked)
	}
	// Her mos.ru login is in no registry: not known to be hers, and still the
	// account stays below the five failures after which such systems lock.
	w = newWorld(t, func(opt *Options) { opt.Owners = o })
	if asked := w.guesses(4, "otherlogin", names[1], names[2], names[3]); asked > 4 {
		t.Errorf("mos.ru was asked %d times about one account", asked)
	}
	// Somebody whom nobody knew until a success.
	w = newWorld(t)
	for _, name := range names[1:] {
		w.stranger(name, right)
	}
	profile := person.Profile{Subject: "sub", Login: "newcomer", Email: names[1], EmailVerified: true, Phone: "8 916 1234567", PhoneVerified: true, SNILS: "11223344595", SNILSConfirmed: true}
	w.link(names[1], profile)
	if asked := w.guesses(4, "newcomer", names[1], names[2], names[3]); asked != 2 {
		t.Errorf("mos.ru was asked %d times about somebody seen before", asked)
	}
}

// What mos.ru does not vouch for links nothing: anybody may write anybody's
// address into a profile.
func TestUnverifiedContactsLinkNothing(t *testing.T) {
	w := newWorld(t)
	w.link("evil", person.Profile{Subject: "sub", Login: "evil", Email: "new@mail.example", Phone: "+79161234567", SNILS: "11223344595"})
	if w.aliases.Len() != 0 {
		t.Errorf("%d names are linked", w.aliases.Len())
	}
}

// A shared phone is counted to its owner by the registries, and nothing else
// of the owner's changes by what somebody else's password does there.
func TestAForeignPhone(t *testing.T) {
	phone := "+79161234567"
	w := newWorld(t, func(opt *Options) { opt.Owners = owners{phone: {1}} })
	w.stranger(phone, "Matj-2021") // her mother's account
	who, v := w.identify(phone, "Matj-2021", "d")
	if v.Outcome != identity.Accepted || v.Person != (identity.PersonID{}) || who.Profile.Subject == "sub-orlovami" {
		t.Fatalf("%+v, %+v", who, v)
	}
	// Refused under the phone, her own password is not refused under her login.
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.identify(phone, right, "d")
	w.identify(phone, right, "d")
	w.settled()
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
	w.pass(6 * time.Minute)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
}

// Under her own login a refusal ends what was kept.
func TestIdentifyDisowns(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() { w.passwords["orlovami"] = "Gracz-2022" })
	_, v := w.identify("orlovami", right, "desk")
	w.want(v, identity.Rejected, identity.ReasonWrongPassword)
	w.settled()
	if v := w.verifiers[identity.PersonID{1}]; v.NTHash != nil {
		t.Error("a refused password is still kept for the next outage")
	}
	w.want(w.sign("orlovami", right, "laptop"), identity.Rejected, identity.ReasonKnownBad)
}

// Neither a refusal nor "later" comes sooner for a name that is known here.
func TestIdentifyHoldsAnswersBack(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.guesses(3, "newcomer", "orlovami")
		for _, name := range []string{"newcomer", "orlovami"} {
			if _, v := w.identify(name, wrong, "d"); v.Reason != identity.ReasonThrottled || v.NotBefore.Sub(begin) < minDelay {
				t.Errorf("%s: %s not before %v", name, v.Reason, v.NotBefore)
			}
		}
	}
}

// patient answers as mos.ru does, unless whoever asked has gone.
type patient struct{ *world }

func (p patient) Profile(ctx context.Context, login string, proof identity.Password) (person.Profile, error) {
	if err := ctx.Err(); err != nil {
		p.change(func() { p.asked = append(p.asked, login) })
		return person.Profile{}, err
	}
	return p.world.Profile(ctx, login, proof)
}

// Who hangs up before the answer comes is counted all the same: mos.ru counts
// too.
func TestWhoHangsUpIsCounted(t *testing.T) {
	w := newWorld(t)
	w.stranger("newcomer", right)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range 20 {
		w.Identify(gone, identity.Credential{Name: "newcomer", Proof: identity.Password(rune('a' + i)), Channel: identity.ChannelWeb, Source: from("d")}, patient{w})
	}
	if asked := w.calls(); asked > 3 {
		t.Errorf("mos.ru was asked %d times within the window", asked)
	}
}

// One source cannot try a password at all the accounts of the city.
func TestStrangersCostTheirSource(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.identify(fmt.Sprintf("stranger%d", i), wrong, "d")
	}
	if asked := w.calls(); asked > 60 {
		t.Errorf("mos.ru was asked about %d strangers at once", asked)
	}
	w.pass(time.Hour)
	if _, v := w.identify("stranger1000", wrong, "d"); v.Reason != identity.ReasonWrongPassword {
		t.Errorf("an hour later: %v", v.Reason)
	}
}

type brokenOwners struct{}

func (brokenOwners) Owner(context.Context, string) (identity.PersonID, bool, error) {
	return identity.PersonID{}, false, errors.New("disk full")
}

func (brokenOwners) CityOwner(context.Context, string) (identity.PersonID, bool, error) {
	return identity.PersonID{}, false, errors.New("disk full")
}

// Where nothing could be written anyway mos.ru is not asked.
func TestIdentifyCutOff(t *testing.T) {
	w := newWorld(t)
	w.stranger("newcomer", right)
	w.change(func() { w.contact = 2 * time.Hour })
	_, v := w.identify("newcomer", right, "d")
	w.want(v, identity.Unavailable, identity.ReasonCutOff)
	w = newWorld(t, func(o *Options) { o.Owners = brokenOwners{} })
	_, v = w.identify("newcomer", right, "d")
	w.want(v, identity.Unavailable, identity.ReasonCutOff)
	if w.calls() != 0 {
		t.Error("mos.ru was asked")
	}
}
