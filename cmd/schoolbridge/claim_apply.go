package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

func (k *claiming) readPlan() (plan claimPlan, err error) {
	f, err := os.Open(k.plan)
	if err != nil {
		return plan, usageError(k.says.noPlan, k.plan, err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	if plan, err = readClaimPlan(f); err != nil {
		return plan, usageError(k.says.noPlan, k.plan, err)
	}
	if !strings.EqualFold(plan.base, string(k.config.AD.SearchBase)) {
		return plan, usageError(k.says.otherPlan, k.plan, plan.base)
	}
	return plan, nil
}

// pairs reads --approve.
func (k *claiming) pairs() (map[string]string, error) {
	pairs := map[string]string{}
	for _, pair := range k.approve {
		object, record, ok := strings.Cut(pair, "=")
		if !ok || object == "" || record == "" || pairs[strings.ToLower(object)] != "" {
			return nil, usageError(k.says.noPair, pair)
		}
		pairs[strings.ToLower(object)] = record
	}
	return pairs, nil
}

func (k *claiming) applyClaims(ctx context.Context) error {
	plan, err := k.readPlan()
	if err != nil {
		return err
	}
	pairs, err := k.pairs()
	if err != nil {
		return err
	}
	if _, err := k.listed(func(string) error { return nil }); err != nil { // before anything is written
		return err
	}
	run := k.newRun()
	if err := k.audit(ctx, "claim_apply", map[string]any{"run": run, "certain": k.certain, "pairs": len(pairs), "taken": k.taken != ""}); err != nil {
		return err
	}
	live := &namesKept{ctx: ctx, keep: k.db.Names(), source: provision.NameLive}
	seen, err := k.look(ctx, live.add)
	if err != nil {
		return err
	}
	if err := errors.Join(live.flush(), k.namesOfOld(ctx)); err != nil {
		return err
	}
	approved, rest, err := k.choose(plan, seen, pairs)
	if err != nil {
		return err
	}
	done := 0
	err = k.db.Queue().Claim(ctx, targetAD, run, callerText(), approved, k.now(), func(a store.Approved, err error) error {
		if err != nil {
			k.say("%s: %s", printable(a.Proposal.Name), k.says.refusal(err))
			rest = append(rest, a.Proposal)
			return nil
		}
		done++
		return nil
	})
	if err != nil {
		return err
	}
	if err := k.db.Queue().Doubts(ctx, targetAD, rest, k.now()); err != nil {
		return err
	}
	k.say(k.says.applied, done, len(rest))
	if done > 0 {
		k.say(k.says.unclaim, k.claimCall.file, run)
	}
	if len(rest) > 0 {
		return errFindings
	}
	return nil
}

// newRun names one apply, beside others of the same second.
func (k *claiming) newRun() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return "r" + k.now().In(k.zone()).Format("20060102T150405") + "-" + hex.EncodeToString(b[:])
}

// choose gives what was approved and is as it was, and what is left for the queue.
func (k *claiming) choose(plan claimPlan, seen *seenDirectory, pairs map[string]string) (approved []store.Approved, rest []duplicates.Proposal, err error) {
	now := map[duplicates.GUID]int{}
	for i := range seen.proposals {
		now[seen.proposals[i].Object] = i
	}
	taken := map[int]bool{}
	for i := range plan.proposals {
		old := &plan.proposals[i]
		record, wanted := k.wants(pairs, old)
		if !wanted && !(k.certain && old.Certain) {
			continue
		}
		at, ok := now[old.Object]
		switch {
		case seen.settled[old.Object]:
			k.say(k.says.settled, printable(old.Name))
			continue
		case !ok || !old.same(&seen.proposals[at]):
			k.say(k.says.moved, printable(old.Name))
			continue
		}
		a := store.Approved{Proposal: seen.proposals[at], Further: wanted}
		if wanted {
			list := a.Proposal.Candidates
			if a.Candidate, ok = meant(len(list), func(i int) []person.RecordRef { return list[i].Records }, record); !ok {
				return nil, nil, usageError(k.says.noCandidate, printable(old.Name), record)
			}
		}
		approved, taken[at] = append(approved, a), true
	}
	for object := range pairs {
		return nil, nil, usageError(k.says.noProposal, object)
	}
	for i, p := range seen.proposals {
		if !taken[i] {
			rest = append(rest, p)
		}
	}
	return approved, rest, nil
}

// wants takes the pair that is about an account, by its name or its GUID.
func (k *claiming) wants(pairs map[string]string, p *plannedClaim) (record string, ok bool) {
	for _, word := range []string{strings.ToLower(p.Name), hex.EncodeToString(p.Object[:])} {
		if r, has := pairs[word]; has {
			record, ok = r, true
		}
		delete(pairs, word)
	}
	return record, ok
}

// same says that a proposal is what was approved.
func (p *plannedClaim) same(now *duplicates.Proposal) bool {
	return p.Seen == now.Seen && p.Certain == now.Certain && slices.Equal(p.Why, now.Why)
}

// meant gives the one of n that has a record which a word names, as "k1" or
// "kadry:k1"; false where none has it, or several do: a pupil's record may have the
// number of a teacher's.
func meant(n int, records func(int) []person.RecordRef, word string) (at int, ok bool) {
	found := 0
	for i := range n {
		if slices.ContainsFunc(records(i), func(r person.RecordRef) bool { return word == string(r.ID) || word == r.Word() }) {
			at = i
			found++
		}
	}
	return at, found == 1
}
