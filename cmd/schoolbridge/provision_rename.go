package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// rename gives a person another name: writing the command is the consent. The
// store reserves the name first; then the account in the directory follows.
func (p *provisioner) rename(ctx context.Context) error {
	to := strings.ToLower(strings.TrimSpace(p.to))
	if person.UsableADName(to) != nil || len(to) > person.SAMLimit {
		return usageError(p.text.badName, oneLine(p.to))
	}
	h, err := p.holder(ctx)
	if err != nil {
		return err
	}
	if h.Login == "" {
		return usageError(p.text.nobody, p.login)
	}
	changed, err := p.db.Accounts().Rename(ctx, h.Person, identity.Login(to), p.now(), byCaller(map[string]any{}))
	var taken *store.Conflict
	switch {
	case errors.As(err, &taken):
		p.say(p.text.taken, to)
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
