package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// Rename gives a person another login, because somebody confirmed it: the old one
// stays the person's for ever, and finds them. Accounts in targets are to be
// called so too; their UPN stays. A *Conflict where the name is or was somebody
// else's, here or in a target, identity.ErrNotFound where there is no account,
// ErrNotMade; nothing is written then. more goes to the audit trail.
func (a *Accounts) Rename(ctx context.Context, id identity.PersonID, to identity.Login, now time.Time, more map[string]any) (changed bool, err error) {
	err = a.db.write(ctx, func(t *tx) error {
		changed, err = t.rename(id, to, now, more)
		return err
	})
	if a.db.driver.Duplicate(err) { // another writer reserved it a moment ago
		err = &Conflict{Name: person.Name{Kind: person.NameAD, Text: string(to)}}
	}
	if err != nil {
		return false, fmt.Errorf("rename: %w", err)
	}
	return changed, nil
}

func (t *tx) rename(id identity.PersonID, to identity.Login, now time.Time, more map[string]any) (bool, error) {
	if person.UsableADName(string(to)) != nil || len(to) > person.SAMLimit || login.OfSystem(string(to)) {
		return false, errors.New("the name cannot be one in Active Directory")
	}
	var had person.Activated
	if _, err := t.giveAccount(id, "", now, &had); err != nil {
		return false, err
	}
	if had.Login == "" {
		return false, identity.ErrNotFound
	}
	rows, err := t.targetRows(id)
	if err != nil {
		return false, err
	}
	same := had.Login == to
	for _, r := range rows {
		same = same && r.Name == string(to)
	}
	if same {
		return false, nil
	}
	for _, r := range rows {
		if err := t.mayBeCalled(id, r, to); err != nil {
			return false, err
		}
	}
	if err := t.giveNewName(id, string(to), rows); err != nil {
		return false, err
	}
	if err := t.onlyName(id, string(to)); err != nil {
		return false, err
	}
	sealed, err := t.db.keys.seal("accounts", id.String(), "sealed", []byte(to))
	if err != nil {
		return false, err
	}
	if err := t.exec("UPDATE accounts SET sealed = ? WHERE person = ?", sealed, id[:]); err != nil {
		return false, err
	}
	for _, r := range rows {
		sealed, err := t.db.keys.seal("targets", targetKey(id, r.target), "name", []byte(to))
		if err != nil {
			return false, err
		}
		if err := t.exec("UPDATE targets SET name = ?, renaming = 1 WHERE person = ? AND target = ?", sealed, id[:], r.target); err != nil {
			return false, err
		}
	}
	t.touch(id)
	payload := map[string]any{"from": had.Login, "to": to}
	maps.Copy(payload, more)
	return true, t.auditJSON(now, "rename", id, payload)
}

// giveNewName reserves a name that is nobody else's login. One that neither mos.ru nor
// the ЭЖД gave the person must look like nobody's besides, of two at the same moment
// too.
func (t *tx) giveNewName(id identity.PersonID, to string, rows []storedTarget) error {
	given, err := t.given(id, to)
	if err != nil {
		return err
	}
	if !given && len(rows) > 0 {
		for _, r := range rows {
			if _, err := t.giveMade(id, &person.TargetAccount{Target: r.target, Name: to}, nil); err != nil {
				return err
			}
		}
		return nil
	}
	name := person.Name{Kind: person.NameAD, Text: to}
	holder, held, err := t.elsewhereThan(id, to, nil)
	if err == nil && held {
		err = &Conflict{Name: name, Holder: holder}
	}
	if err == nil {
		_, err = t.giveName(id, name)
	}
	return err
}

// given says that a name is the person's login at mos.ru or in the ЭЖД.
func (t *tx) given(id identity.PersonID, name string) (bool, error) {
	p, err := t.profileOf(id)
	if err != nil {
		return false, err
	}
	refs, err := t.boundTo(id)
	if err != nil {
		return false, err
	}
	rows, err := t.recordRows(withoutCards(refs), id, "")
	if err != nil {
		return false, err
	}
	logins := []string{p.login()}
	for _, r := range rows {
		switch v := r.Value.(type) {
		case person.Employment:
			logins = append(logins, v.EZHDLogin)
		case person.Enrolment:
			logins = append(logins, v.EZHDLogin)
		}
	}
	return slices.ContainsFunc(logins, func(l string) bool { return person.FoldName(l) == person.FoldName(name) }), nil
}

// ErrNotMade says that a target has no account yet that could be called
// otherwise. The name that is reserved is all that keeps one which is being made
// at this moment from being made twice.
var ErrNotMade = errors.New("there is no account in the target yet")

func (t *tx) mayBeCalled(id identity.PersonID, r storedTarget, to identity.Login) error {
	if len(r.Object) == 0 {
		return ErrNotMade
	}
	had, err := t.hadName(r.target, id, string(to))
	if err == nil && had {
		err = &Conflict{Name: person.Name{Kind: person.NameAD, Text: string(to)}}
	}
	return err
}

// onlyName retires the names in targets but the one: LDAP shows that.
func (t *tx) onlyName(id identity.PersonID, name string) error {
	digests, err := t.db.keys.every(domainName, person.FoldName(name))
	if err != nil {
		return err
	}
	args := []any{person.NameRetired, id[:], person.NameAD}
	for _, d := range digests {
		args = append(args, d.digest)
	}
	return t.exec("UPDATE names SET kind = ? WHERE person = ? AND kind = ? AND digest NOT IN ("+marks(len(digests))+")", args...)
}
