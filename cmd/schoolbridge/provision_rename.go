package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
)

// rename gives a person another name, once whoever asks for it has seen what will be
// and has said yes. The store reserves the name first; then the account in the
// directory follows.
func (p *provisioner) rename(ctx context.Context) error {
	to := strings.ToLower(strings.TrimSpace(p.to))
	if person.UsableADName(to) != nil || len(to) > person.SAMLimit || login.OfSystem(to) {
		return usageError(p.text.badName, oneLine(p.to))
	}
	h, err := p.holder(ctx)
	if err != nil {
		return err
	}
	if h.Login == "" {
		return usageError(p.text.nobody, p.login)
	}
	if taken, err := p.inUse(ctx, h.Person, to); err != nil {
		return p.unusable(err)
	} else if taken {
		p.say(p.text.taken, to)
		return errFindings
	}
	if alike, err := p.resembles(ctx, h, to); err != nil {
		return p.unusable(err)
	} else if alike {
		p.say(p.text.alike, to)
		return errFindings
	}
	if agreed, err := p.agreed(ctx, h, to); err != nil || !agreed {
		return err
	}
	changed, err := p.db.Accounts().Rename(ctx, h.Person, identity.Login(to), p.now(), byCaller(map[string]any{}))
	var taken *store.Conflict
	switch alike := ownAlike(h, to); {
	case errors.As(err, &taken) && taken.Holder.IsZero() && alike != "": // names that are given here all look otherwise
		p.say(p.text.ownGiven, to, alike)
		return errFindings
	case errors.As(err, &taken):
		p.say(p.text.taken, to)
		return errFindings
	case errors.Is(err, store.ErrNotMade):
		p.say(p.text.notMade, h.Login)
		return errFindings
	case err != nil:
		return err
	case !changed:
		p.say(p.text.same, to)
	}
	if changed {
		fmt.Fprintf(p.std.out, p.text.renamed+"\n", h.Login, to)
	}
	return p.bring(ctx, chosen{ids: []identity.PersonID{h.Person}})
}

// agreed shows what a rename will change, and asks for the new name once more: a name
// is this person's for ever, so that a slip of the finger cannot be taken back. The
// same name again, or no account yet, is asked about in no way: nothing would change.
func (p *provisioner) agreed(ctx context.Context, h store.Holder, to string) (bool, error) {
	own, err := p.db.Targets().Status(ctx, h.Person)
	if err != nil {
		return false, err
	}
	unmade := slices.ContainsFunc(own, func(s provision.Status) bool { return s.Object == [16]byte{} })
	if string(h.Login) == to || unmade {
		return true, nil
	}
	p.say(p.text.renaming, h.Login, to)
	p.say(p.text.stays, h.Login)
	for _, s := range own {
		p.say(p.text.renamesIn, s.Target, s.Name, to)
		if s.UPN != "" {
			p.say(p.text.keepsUPN, s.UPN)
		}
	}
	if alike := ownAlike(h, to); alike != "" {
		p.say(p.text.ownAlike, to, alike)
	}
	if p.yes {
		return true, nil
	}
	in, ok := p.std.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return false, usageError("%s", p.text.unasked)
	}
	if !p.typedAgain(in, to) {
		p.say(p.text.unchanged, h.Login)
		return false, errFindings
	}
	return true, nil
}

// typedAgain asks for the new name.
func (p *provisioner) typedAgain(in io.Reader, to string) bool {
	fmt.Fprintf(p.std.err, p.text.confirm, to)
	answer, _ := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), to)
}

// ownAlike gives a name of the person's that people would take for the new one.
// Nothing of ours makes such a name; somebody may type it.
func ownAlike(h store.Holder, to string) string {
	for _, own := range append([]string{string(h.Login)}, otherNames(h)...) {
		if person.FoldName(own) != person.FoldName(to) && login.Alike(own, to) {
			return own
		}
	}
	return ""
}

// inUse says that the directory has the name already, of which the store need not
// know, in an account that is not the person's.
func (p *provisioner) inUse(ctx context.Context, id identity.PersonID, name string) (bool, error) {
	found, err := p.target.FindNames(ctx, []string{name})
	if err != nil || len(found) == 0 {
		return false, err
	}
	return p.others(ctx, id, found)
}

// resembles says that a name looks like one that somebody else has or had, here or
// in the directory. What mos.ru or the ЭЖД gave may look as it likes.
func (p *provisioner) resembles(ctx context.Context, h store.Holder, name string) (bool, error) {
	rows, err := p.db.Accounts().Records(ctx, h.Subject)
	if err != nil {
		return false, err
	}
	given := []string{h.MosruLogin}
	for _, x := range rows.Employments {
		given = append(given, x.EZHDLogin)
	}
	for _, x := range rows.Enrolments {
		given = append(given, x.EZHDLogin)
	}
	if slices.ContainsFunc(given, func(g string) bool { return person.FoldName(g) == name }) {
		return false, nil
	}
	taken, err := p.db.Accounts().Taken(ctx, provision.NameQuery{Target: targetAD, Subject: h.Subject, Made: []string{name}})
	if err != nil || len(taken) > 0 {
		return len(taken) > 0, err
	}
	found, err := p.target.FindAlike(ctx, []string{name})
	if err != nil {
		return false, err
	}
	found = slices.DeleteFunc(found, func(o provision.Object) bool { return !o.Alike(name) })
	return p.others(ctx, h.Person, found)
}

// others says that one of the accounts found is not the person's.
func (p *provisioner) others(ctx context.Context, id identity.PersonID, found []provision.Object) (bool, error) {
	own, err := p.db.Targets().Status(ctx, id)
	return slices.ContainsFunc(found, func(o provision.Object) bool {
		return !slices.ContainsFunc(own, func(s provision.Status) bool { return s.Target == targetAD && s.Object == o.ID })
	}), err
}
