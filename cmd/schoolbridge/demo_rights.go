package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
)

// The demo's administrator of a school.
const (
	demoAdministrator = "orlovami"
	demoSchool        = person.SchoolID("000149")
)

// administrators makes the break-glass account, whose password the folder keeps
// because every start prints it, and lets a teacher administer her school. A folder
// of an older demo gets both too.
func (d *demo) administrators(ctx context.Context) error {
	_, db, err := d.open(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	if err := d.breakGlass(ctx, db); err != nil {
		return err
	}
	holder, err := db.Accounts().Find(ctx, demoAdministrator)
	if err != nil {
		return err
	}
	held, err := db.Rights().Of(ctx, holder.Person)
	if err == nil && len(held) == 0 {
		err = db.Rights().Grant(ctx, rights.Granted{Person: holder.Person, Grant: rights.Grant{Role: rights.School, Schools: []person.SchoolID{demoSchool}}, By: "demo", At: d.now},
			map[string]any{"by": "demo"})
	}
	if err != nil {
		return err
	}
	f, err := db.Factors().Find(ctx, holder.Person)
	if err != nil || f.Enrolled() {
		return err
	}
	if d.invite, err = factor.NewInvitation(rand.Reader); err != nil {
		return err
	}
	return db.Factors().Invite(ctx, holder.Person, d.invite, d.now.AddDate(0, 0, 30), d.now, map[string]any{"by": "demo"})
}

// breakGlass gives the account a password, unless the folder's still opens it.
func (d *demo) breakGlass(ctx context.Context, db *store.DB) error {
	file := d.folder.path("secrets", "break-glass")
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.glass = strings.TrimSpace(string(text))
	row, err := db.BreakGlass().Find(ctx)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	if right, err := auth.VerifyArgon2(row.Hash, foldGlass(d.glass)); err == nil && right {
		return nil
	}
	password, err := makeBreakGlass(ctx, db, d.now)
	if err != nil {
		return err
	}
	d.glass = string(password)
	return os.WriteFile(file, []byte(d.glass+"\n"), 0o600)
}

// invitation is what the demo says of the code that connects an app.
func (d *demo) invitation() string {
	if d.invite == "" {
		return map[string]string{"ru": "не нужен, приложение уже подключено", "en": "none is needed, an app is connected"}[d.lang]
	}
	return d.invite
}
