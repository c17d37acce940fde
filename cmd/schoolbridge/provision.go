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
	"schoolbridge/provision/match"
)

// provisionCall is a command line of provision.
type provisionCall struct {
	verb, file, lang string
	login, school    string // of whom; "": everybody
	form             string
	to               string // rename
	accept           [3]int // by kind of drastic change
}

func parseProvision(std streams, args []string) (c provisionCall, err error) {
	fs := flag.NewFlagSet("provision", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.login, "person", "", "только этот человек / this person only: `LOGIN`")
	fs.StringVar(&c.school, "school", "", "plan, apply: только люди этой школы / the people of this school only: `ID`")
	fs.StringVar(&c.form, "format", planForm(std), "plan: вид вывода diff, table, json; на терминале diff, иначе json / the output's `FORM`: diff, table or json; on a terminal diff, else json")
	fs.StringVar(&c.to, "to", "", "rename: новое имя / the new name: `NAME`")
	fs.IntVar(&c.accept[provision.Off], "accept-disabling", 0, "apply: разрешить отключить разом до N записей / let up to `N` accounts be disabled at once")
	fs.IntVar(&c.accept[provision.Move], "accept-moves", 0, "apply: разрешить перенести разом до N записей / let up to `N` accounts be moved at once")
	fs.IntVar(&c.accept[provision.Rename], "accept-renames", 0, "apply: разрешить разом сменить имя у N записей / let up to `N` accounts get another displayed name at once")
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
		wrong = wrong || accepts || c.to != ""
	case "apply":
		wrong = wrong || c.to != ""
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
	switch call.verb {
	case "plan":
		return p.plan(ctx)
	case "rename":
		return p.rename(ctx)
	}
	return p.apply(ctx)
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
	return fmt.Errorf("controller %s: %w", p.config.AD.Server, err)
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

// planned counts what a dry run came to.
type planned struct {
	accounts, idle, problems int
	actions                  map[string]int // those that write
	drastic                  [3]int
}

func (p *planned) writes() int {
	n := 0
	for _, count := range p.actions {
		n += count
	}
	return n
}

// plan looks at the accounts and writes nothing.
func (p *provisioner) plan(ctx context.Context) error {
	now := p.now()
	who, err := p.choose(ctx)
	if err != nil {
		return err
	}
	if err := p.audit(ctx, "provision_plan", p.about(map[string]any{"accounts": len(who.ids)})); err != nil {
		return err
	}
	found := planned{actions: map[string]int{}}
	show := newMeter(p.std, p.text.planning, len(who.ids), p.zone(), p.now)
	defer show.end()
	lines := newShower(p.form, p.std.out, p.text)
	for _, id := range who.ids {
		job, plan, err := p.planOf(ctx, id, now)
		if errors.Is(err, identity.ErrNotFound) {
			continue // removed since
		}
		if err != nil {
			return err
		}
		show.step()
		if line, ok := found.count(job, plan, p.target.Foresee(job)); ok {
			if err := lines.show(line); err != nil {
				return err
			}
		}
	}
	if err := lines.close(); err != nil {
		return err
	}
	show.end()
	depth, err := p.db.Targets().Depth(ctx, targetAD, now)
	if err != nil {
		return err
	}
	p.summarize(found, depth, who.all)
	if found.idle < found.accounts {
		return errFindings
	}
	return nil
}

// planOf plans one account.
func (p *provisioner) planOf(ctx context.Context, id identity.PersonID, now time.Time) (provision.Job, provision.Plan, error) {
	job, err := p.db.Targets().Job(ctx, targetAD, id, now)
	if err != nil {
		return job, provision.Plan{}, err
	}
	job.Grace = p.config.AD.GraceDays
	plan, err := p.target.Plan(ctx, job)
	if err != nil {
		return job, plan, p.unusable(err)
	}
	duplicates, err := p.duplicates(ctx, id)
	plan.Problems = append(plan.Problems, duplicates...)
	return job, plan, err
}

// about adds of which school a run is.
func (p *provisioner) about(more map[string]any) map[string]any {
	if p.school != "" {
		more["school"] = p.school
	}
	return more
}

func (p *provisioner) zone() *time.Location { return p.config.Policy.TimeZone.Location() }

// duplicates are the further accounts that are claimed as the person's.
func (p *provisioner) duplicates(ctx context.Context, id identity.PersonID) ([]match.Problem, error) {
	list, err := p.db.Targets().Status(ctx, id)
	for _, s := range list {
		if s.Target == targetAD {
			return s.Duplicates, err
		}
	}
	return nil, err
}

// count notes one account, and gives its line if there is something to tell.
func (p *planned) count(job provision.Job, plan provision.Plan, drastic provision.Drastic) (planLine, bool) {
	p.accounts++
	writes := plan.Action != provision.ActionNone && plan.Action != provision.ActionProblem
	if !writes && len(plan.Problems) == 0 {
		p.idle++
		return planLine{}, false
	}
	if writes {
		p.actions[plan.Action]++
		drastic[provision.Off] = plan.Action == provision.ActionDisable
		for kind, made := range drastic {
			if made {
				p.drastic[kind]++
			}
		}
	}
	line := planLine{Person: job.Person.String(), Login: job.Row.Name, Action: plan.Action, Changes: append([]provision.Change{}, plan.Changes...), Problems: []string{}}
	if job.Entry != nil {
		line.Login = string(job.Entry.Login)
	}
	for _, problem := range plan.Problems {
		line.Problems = append(line.Problems, problem.String())
	}
	if len(plan.Problems) > 0 {
		p.problems++
	}
	return line, true
}

// assumedRate is how many accounts a second one controller takes with their
// passwords, measured on Samba; other changes are faster.
const assumedRate = 30

func (p *provisioner) summarize(found planned, depth provision.Depth, all bool) {
	t := p.text
	p.say(t.accounts, found.accounts, found.idle, found.writes(), found.problems)
	for _, action := range provisionActions() {
		if n := found.actions[action]; n > 0 {
			p.say("  %s: %d", t.action[action], n)
		}
	}
	p.say(t.queue, depth.Due, depth.Waiting, depth.Passwords)
	if writes := found.writes(); writes > 0 {
		rate := float64(assumedRate)
		if p.config.AD.Rate > 0 {
			rate = min(rate, p.config.AD.Rate)
		}
		took := max(time.Duration(float64(writes)*float64(time.Second)/rate).Round(time.Second), time.Second)
		p.say(t.expected, took, p.now().Add(took).In(p.zone()).Format("2006-01-02 15:04:05"), rate)
	}
	brakes := workerOptions(p.config).Brakes
	for kind, n := range found.drastic {
		if allowed := max(brakes[kind].Allowed(depth.Accounts)-depth.Made[kind], 0); n > allowed {
			p.say(t.brake[kind], n, allowed, p.file, n)
		}
	}
	if window := windowAD(p.config); window != nil && all {
		if open, opens := window(p.now()); !open {
			p.say(t.window, opens.In(p.zone()).Format("2006-01-02 15:04"))
		}
	}
}
