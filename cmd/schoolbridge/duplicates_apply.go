package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

// The lease that keeps two runs of the command apart. The daemon goes on: what
// it writes is guarded by stamps.
const (
	leaseDuplicates = targetAD + " duplicates"
	leaseTerm       = 30 * time.Second // after a kill -9 the next run waits no longer
)

// approved is a group that somebody approved.
type approved struct {
	group    duplicates.Planned
	accounts []duplicates.GUID
}

// carryOut goes on with what was under way, and does what was approved.
func (d *mending) carryOut(ctx context.Context) error {
	var todo []approved
	if d.planFile != "" {
		plan, err := d.readPlan()
		if err != nil {
			return err
		}
		repairs, err := d.db.Repairs(targetAD).Repairs(ctx)
		if err != nil {
			return err
		}
		if todo, err = d.choose(plan, repairs); err != nil {
			return err
		}
		if err := d.brake(plan.Accounts, todo, repairs); err != nil {
			return err
		}
	}
	if err := d.audit(ctx, "duplicates_apply", map[string]any{"groups": len(todo), "accept_disabling": d.accept}); err != nil {
		return err
	}
	t := tally{mending: d}
	err := d.leased(ctx, func(m *duplicates.Mender) error {
		resumed, err := m.Resume(ctx)
		for _, r := range resumed {
			t.tell(r)
		}
		if err != nil {
			return err
		}
		return t.each(ctx, m, todo)
	})
	d.say(d.says.done, t.done, t.stopped)
	if err != nil {
		return d.unusable(err)
	}
	if t.stopped > 0 {
		return errFindings
	}
	return nil
}

// tally counts what came of repairs.
type tally struct {
	*mending
	done, stopped int
}

func (t *tally) tell(r duplicates.Repair) {
	t.count(r)
	t.say("%s: %s", r.ID, t.words.Phase(r))
}

func (t *tally) count(r duplicates.Repair) {
	if r.Phase == duplicates.PhaseApplied || r.Phase == duplicates.PhaseUndone {
		t.done++
	} else {
		t.stopped++
	}
}

// each applies the approved groups; only what stopped is told of one by one.
func (t *tally) each(ctx context.Context, m *duplicates.Mender, todo []approved) error {
	show := newMeter(t.std, t.says.applying, len(todo), time.Local, t.now)
	defer show.end()
	for _, a := range todo {
		r, err := m.Apply(ctx, a.group, a.accounts)
		if err != nil {
			return err
		}
		show.step()
		if r.Phase != duplicates.PhaseApplied {
			show.end()
			t.tell(r)
			continue
		}
		t.count(r)
	}
	return nil
}

func (d *mending) readPlan() (*duplicates.Plan, error) {
	f, err := os.Open(d.planFile)
	if err != nil {
		return nil, usageError(d.says.noPlan, d.planFile, err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	plan, err := duplicates.ReadPlan(f)
	if err != nil {
		return nil, usageError(d.says.noPlan, d.planFile, err)
	}
	if !strings.EqualFold(plan.Base, string(d.config.AD.SearchBase)) {
		return nil, usageError(d.says.otherPlan, d.planFile, plan.Base)
	}
	return plan, nil
}

// choose gives what was approved and not begun before, in the plan's order.
func (d *mending) choose(plan *duplicates.Plan, repairs []duplicates.Repair) ([]approved, error) {
	var list []approved
	known := map[string]bool{}
	begun := func(id string) bool {
		return slices.ContainsFunc(repairs, func(r duplicates.Repair) bool { return r.ID == id && r.Phase != duplicates.PhaseUndone })
	}
	for _, g := range plan.Groups {
		known[g.ID] = true
		if !d.certain && !slices.Contains(d.approve, g.ID) {
			continue
		}
		switch accounts := g.Approve(d.certain); {
		case len(accounts) > 0 && begun(g.ID):
			d.say(d.says.before, g.ID)
		case len(accounts) > 0:
			list = append(list, approved{g, accounts})
		}
	}
	for _, id := range d.approve {
		if !known[id] {
			return nil, usageError(d.says.noGroup, id, d.planFile)
		}
	}
	return list, nil
}

// brake stops a run that would disable more than the configuration lets be
// disabled within a day.
func (d *mending) brake(accounts int, todo []approved, repairs []duplicates.Repair) error {
	disabling := 0
	for _, a := range todo {
		disabling += a.group.Disabling(a.accounts)
	}
	lately := 0
	for _, r := range repairs { // one that stopped has disabled some, or all
		if r.Phase != duplicates.PhaseUndone && d.now().Sub(r.Changed) < 24*time.Hour {
			lately += r.Group.Disabling(r.Group.Approve(false))
		}
	}
	allowed := max(workerOptions(d.config).Brakes[provision.Off].Allowed(accounts)-lately, d.accept)
	if disabling > allowed {
		d.say(d.says.brake, disabling, max(allowed, 0), disabling)
		return errFindings
	}
	return nil
}

// leased runs something while no other run of the command does.
func (d *mending) leased(ctx context.Context, do func(m *duplicates.Mender) error) error {
	name := holder(strconv.Itoa(os.Getpid()))
	var until time.Time
	renew := func() error {
		now := d.now()
		if now.Before(until) {
			return nil
		}
		mine, err := d.db.Targets().Lease(ctx, leaseDuplicates, name, now, leaseTerm)
		if err == nil && !mine {
			err = errors.New(d.says.busy)
		}
		until = now.Add(leaseTerm / 3)
		return err
	}
	if err := renew(); err != nil {
		return err
	}
	limiter := rate.NewLimiter(rate.Limit(d.rate), 1)
	wait := func(ctx context.Context) error {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		return renew()
	}
	err := do(&duplicates.Mender{Directory: d.mender, Journal: d.db.Repairs(targetAD), Wait: wait, Now: d.now})
	return errors.Join(err, d.db.Targets().Release(context.WithoutCancel(ctx), leaseDuplicates, name))
}

// takeBack undoes one group, or all, the last first.
func (d *mending) takeBack(ctx context.Context) error {
	all, err := d.db.Repairs(targetAD).Repairs(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range slices.Backward(all) {
		if (d.group == "all" && r.Phase != duplicates.PhaseUndone) || r.ID == d.group {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 && d.group != "all" {
		return usageError(d.says.noRepair, d.group)
	}
	if err := d.audit(ctx, "duplicates_undo", map[string]any{"groups": len(ids)}); err != nil {
		return err
	}
	t := tally{mending: d}
	err = d.leased(ctx, func(m *duplicates.Mender) error {
		for _, id := range ids {
			r, err := m.Undo(ctx, id)
			if err != nil {
				return err
			}
			t.tell(r)
		}
		return nil
	})
	if err != nil {
		return d.unusable(err)
	}
	if t.stopped > 0 {
		return errFindings
	}
	return nil
}

// duplicatesText are the messages of "duplicates" in one language.
type duplicatesText struct {
	reading, found, applying, written, write, noPlan, otherPlan, noGroup, noRepair, brake, busy, before, done string

	findHead, planHead []string
}

var duplicatesTexts = map[string]duplicatesText{
	"ru": {
		reading: "чтение всех учётных записей домена…", found: "прочитано учётных записей %d за %v: групп возможных дубликатов %d, похожих пар однофамильцев %d",
		applying: "группы: %d из %d, %.1f в секунду, осталось %v, до %s", written: "записано: %s", write: "не записать %s: %w",
		noPlan: "%s — не план (его пишет duplicates plan --out ФАЙЛ): %v", otherPlan: "план %s составлен для другого домена: %s",
		noGroup: "группы %s в плане %s нет", noRepair: "с группой %s ничего не делали: какие были, показывает аудит, audit show --nobody --kinds duplicates_applied",
		brake: "отключить предстоит %d, а разом можно не больше %d. Проверьте план; если всё верно, добавьте --accept-disabling %d",
		busy:  "дубликатами уже занимается другой запуск этой команды: дождитесь его конца (если он оборвался, полминуты)", before: "%s: уже начато раньше; чтобы повторить, сначала верните: duplicates undo %[1]s",
		done: "сделано групп: %d, остановлено: %d",

		findHead: []string{"Группа", "Уверенность", "Баллы", "Записи", "Почему"}, planHead: []string{"Группа", "Уверенность", "Запись", "Что предлагается", "Почему"},
	},
	"en": {
		reading: "reading all accounts of the domain…", found: "%d accounts read in %v: %d groups of possible duplicates, %d pairs of namesakes that look alike",
		applying: "groups: %d of %d, %.1f a second, %v left, until %s", written: "written: %s", write: "%s cannot be written: %w",
		noPlan: "%s is no plan (duplicates plan --out FILE writes one): %v", otherPlan: "the plan %s was made for another domain: %s",
		noGroup: "there is no group %s in the plan %s", noRepair: "nothing was done with group %s: the audit trail shows those that there were, audit show --nobody --kinds duplicates_applied",
		brake: "%d are to be disabled, and no more than %d may be at once. Look at the plan; if it is right, add --accept-disabling %d",
		busy:  "another run of this command is at work on duplicates: wait for its end (half a minute, if it was cut off)", before: "%s was begun before; to repeat it take it back first: duplicates undo %[1]s",
		done: "groups done: %d, stopped: %d",

		findHead: []string{"Group", "Confidence", "Score", "Accounts", "Why"}, planHead: []string{"Group", "Confidence", "Account", "What is proposed", "Why"},
	},
}
