package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
)

func runProvision(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 && args[0] == "claim" {
		return runClaim(ctx, std, args[1:])
	}
	fs := flag.NewFlagSet("provision", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	accept := fs.Int("accept-disabling", 0, "apply: разрешить отключить разом до N записей / let up to `N` accounts be disabled at once")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "plan" && words[0] != "apply" || *accept < 0 || *accept > 0 && words[0] == "plan" {
		return misused("provision")
	}
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	p := &provisioner{std: std, config: c, text: provisionTexts[*lang], now: time.Now}
	if !c.AD.On() {
		return usageError(p.text.noSection, *file)
	}
	if p.db, err = openMadeStore(ctx, c); err != nil {
		return err
	}
	defer func() { _ = p.db.Close() }() // everything is committed by then
	target, release, err := openAD(c, discardLog())
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	defer release()
	p.target = target
	if err := target.Check(ctx); err != nil {
		return p.unusable(err)
	}
	if words[0] == "plan" {
		return p.plan(ctx)
	}
	return p.apply(ctx, *accept)
}

// provisioner is one run of the command.
type provisioner struct {
	std    streams
	config *config.Config
	text   provisionText
	db     *store.DB
	target *ad.Target
	now    func() time.Time
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
// accounts of all.
func (p *provisioner) audit(ctx context.Context, kind string, more map[string]any) error {
	payload, err := json.Marshal(byCaller(more))
	if err != nil {
		return err
	}
	return p.db.Audit().Append(ctx, []identity.AuditEntry{{At: p.now(), Kind: kind, Payload: payload}})
}

// planLine is one account with something to do or a problem.
type planLine struct {
	Person   string   `json:"person"`
	Login    string   `json:"login"`
	Action   string   `json:"action"`
	Changes  []string `json:"changes"`
	Problems []string `json:"problems"`
}

// planned counts what a dry run came to.
type planned struct {
	accounts, idle, problems int
	actions                  map[string]int // those that write
}

func (p *planned) writes() int {
	n := 0
	for _, count := range p.actions {
		n += count
	}
	return n
}

// plan looks at every account and writes nothing.
func (p *provisioner) plan(ctx context.Context) error {
	now := p.now()
	ids, err := p.db.Targets().Due(ctx, targetAD, now.AddDate(100, 0, 0), math.MaxInt32)
	if err != nil {
		return err
	}
	if err := p.audit(ctx, "provision_plan", map[string]any{"accounts": len(ids)}); err != nil {
		return err
	}
	found := planned{actions: map[string]int{}}
	show := newMeter(p.std, p.text.planning, len(ids), p.now)
	defer show.end()
	encoder := json.NewEncoder(p.std.out)
	encoder.SetEscapeHTML(false)
	for _, id := range ids {
		job, err := p.db.Targets().Job(ctx, targetAD, id, now)
		if errors.Is(err, identity.ErrNotFound) {
			continue // removed since
		}
		if err != nil {
			return err
		}
		plan, err := p.target.Plan(ctx, job)
		if err != nil {
			return p.unusable(err)
		}
		duplicates, err := p.duplicates(ctx, id)
		if err != nil {
			return err
		}
		plan.Problems = append(plan.Problems, duplicates...)
		show.step()
		if line, ok := found.count(job, plan); ok {
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
	}
	show.end()
	depth, err := p.db.Targets().Depth(ctx, targetAD, now)
	if err != nil {
		return err
	}
	p.summarize(found, depth)
	if found.idle < found.accounts {
		return errFindings
	}
	return nil
}

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
func (p *planned) count(job provision.Job, plan provision.Plan) (planLine, bool) {
	p.accounts++
	writes := plan.Action != provision.ActionNone && plan.Action != provision.ActionProblem
	if !writes && len(plan.Problems) == 0 {
		p.idle++
		return planLine{}, false
	}
	if writes {
		p.actions[plan.Action]++
	}
	line := planLine{Person: job.Person.String(), Login: job.Row.Name, Action: plan.Action, Changes: append([]string{}, plan.Changes...), Problems: []string{}}
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

func (p *provisioner) summarize(found planned, depth provision.Depth) {
	t := p.text
	p.say(t.accounts, found.accounts, found.idle, found.writes(), found.problems)
	for _, action := range provisionActions() {
		if n := found.actions[action]; n > 0 {
			p.say("  %s: %d", t.action[action], n)
		}
	}
	p.say(t.queue, depth.Due, depth.Waiting, depth.Passwords)
	if writes := found.writes(); writes > 0 {
		took := (time.Duration(writes) * time.Second / assumedRate).Round(time.Second)
		took = max(took, time.Second)
		p.say(t.expected, took, p.now().Add(took).In(p.config.Policy.TimeZone.Location()).Format("15:04:05"), assumedRate)
	}
	allowed := workerOptions(p.config).Brake.Allowed(found.accounts)
	if off := found.actions[provision.ActionDisable]; off > allowed {
		p.say(t.brake, off, allowed, off)
	}
}
