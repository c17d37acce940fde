package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
)

// provisionCall is a command line of provision.
type provisionCall struct {
	verb, file, lang string
	login, school    string // of whom; "": everybody
	form             string
	to               string // rename
	yes              bool   // rename: agreed to already
	accept           [4]int // by kind of drastic change
}

func parseProvision(std streams, args []string) (c provisionCall, err error) {
	fs := flag.NewFlagSet("provision", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.login, "person", "", "только этот человек / this person only: `LOGIN`")
	fs.StringVar(&c.school, "school", "", "plan, apply: только люди этой школы / the people of this school only: `ID`")
	fs.StringVar(&c.form, "format", planForm(std), "plan: вид вывода diff, table, json; на терминале diff, иначе json / the output's `FORM`: diff, table or json; on a terminal diff, else json")
	fs.StringVar(&c.to, "to", "", "rename: новое имя / the new name: `NAME`")
	fs.BoolVar(&c.yes, "yes", false, "rename: согласие, не спрашивать / agreed, do not ask")
	fs.IntVar(&c.accept[provision.Off], "accept-disabling", 0, "apply: разрешить отключить разом до N записей / let up to `N` accounts be disabled at once")
	fs.IntVar(&c.accept[provision.Move], "accept-moves", 0, "apply: разрешить перенести разом до N записей / let up to `N` accounts be moved at once")
	fs.IntVar(&c.accept[provision.Rename], "accept-renames", 0, "apply: разрешить разом сменить имя у N записей / let up to `N` accounts get another displayed name at once")
	fs.IntVar(&c.accept[provision.Leave], "accept-groups", 0, "apply: разрешить вывести из групп разом до N записей / let up to `N` accounts be taken out of groups at once")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	if len(words) != 1 {
		return c, misused("provision")
	}
	c.verb, c.lang = words[0], *lang
	accepts := slices.Max(c.accept[:]) > 0
	wrong := slices.Min(c.accept[:]) < 0 || c.login != "" && c.school != "" || !slices.Contains(planForms(), c.form)
	switch c.verb {
	case "plan":
		wrong = wrong || accepts || c.to != "" || c.yes
	case "apply":
		wrong = wrong || c.to != "" || c.yes
	case "rename":
		wrong = wrong || accepts || c.to == "" || c.login == ""
	default:
		wrong = true
	}
	if wrong {
		return c, misused("provision")
	}
	return c, nil
}

func runProvision(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 && args[0] == "claim" {
		return runClaim(ctx, std, args[1:])
	}
	call, err := parseProvision(std, args)
	if err != nil {
		return err
	}
	p, err := openProvisioner(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer p.close()
	p.provisionCall = call
	if err := p.dial(ctx); err != nil {
		return err
	}
	if call.verb == "rename" {
		return p.rename(ctx)
	}
	if err := p.matchAnew(ctx); err != nil {
		return err
	}
	if call.verb == "plan" {
		return p.plan(ctx)
	}
	return p.apply(ctx)
}

// matchAnew gives people the rows of the last import before their accounts are looked
// at, as the daemon does a few seconds after it: who only moved is not switched off.
func (p *provisioner) matchAnew(ctx context.Context) error {
	activator, err := newActivator(p.config, p.db, p.target, discardLog())
	if err != nil {
		return err
	}
	if _, err := provision.NewRematcher(p.db.Accounts(), activator, nil).Pass(ctx, p.now()); err != nil {
		if ctx.Err() != nil {
			return err
		}
		p.say(p.text.unmatched, err) // the daemon waits for them no longer than two minutes either
	}
	return nil
}

// provisioner is one run of the command.
type provisioner struct {
	provisionCall
	std    streams
	config *config.Config
	text   provisionText
	db     *store.DB
	target *ad.Target
	mender *ad.Mender // for what reads the whole directory
	client *ldapclient.Client
	person identity.PersonID // of --person
	now    func() time.Time
}

// openProvisioner opens the store for a command about Active Directory.
func openProvisioner(ctx context.Context, std streams, file, lang string) (*provisioner, error) {
	c, err := loadConfig(std, file, lang)
	if err != nil {
		return nil, err
	}
	p := &provisioner{std: std, config: c, text: provisionTexts[lang], now: time.Now}
	if !c.AD.On() {
		return nil, usageError(p.text.noSection, file)
	}
	p.db, err = openMadeStore(ctx, c)
	return p, err
}

// dial reaches for the directory, and looks whether it can be worked with.
func (p *provisioner) dial(ctx context.Context) (err error) {
	if p.target, p.client, err = dialAD(p.config, discardLog()); err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	p.mender = p.target.Mender(p.client, p.config.AD.DuplicatesOU)
	if err := p.target.Check(ctx); err != nil {
		return p.unusable(err)
	}
	return nil
}

// close lets go of both: everything is committed by then.
func (p *provisioner) close() {
	if p.client != nil {
		_ = p.client.Close()
	}
	_ = p.db.Close()
}

// unusable says where to look when the directory does not do what is asked.
func (p *provisioner) unusable(err error) error {
	var refused *ldapclient.Error
	switch {
	case errors.As(err, &refused) && refused.Code == invalidCredentials:
		return fmt.Errorf(p.text.bind, p.config.AD.Server, p.config.AD.Bind, err)
	case errors.Is(err, identity.ErrUnreachable):
		return fmt.Errorf(p.text.unreachable, p.config.AD.Server, err)
	}
	return fmt.Errorf(p.text.controller, p.config.AD.Server, err)
}

// invalidCredentials is the result of a bind with a wrong name or password
// (RFC 4511 appendix A).
const invalidCredentials = 49

func (p *provisioner) say(format string, args ...any) {
	fmt.Fprintf(p.std.err, format+"\n", args...)
}

// audit leaves a line that somebody at this machine read or changed the
// accounts of all, or of one.
func (p *provisioner) audit(ctx context.Context, kind string, more map[string]any) error {
	payload, err := json.Marshal(byCaller(more))
	if err != nil {
		return err
	}
	return p.db.Audit().Append(ctx, []identity.AuditEntry{{At: p.now(), Kind: kind, Person: p.person, Payload: payload}})
}

// about adds of which school a run is.
func (p *provisioner) about(more map[string]any) map[string]any {
	if p.school != "" {
		more["school"] = p.school
	}
	return more
}

func (p *provisioner) zone() *time.Location { return p.config.Policy.TimeZone.Location() }
