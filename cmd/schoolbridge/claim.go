package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

const claimUsage = "claim plan --config FILE [--out PLAN] [--format table|csv|csv-bom|json|xlsx] | " +
	"claim apply --config FILE --plan PLAN [--approve-certain] [--approve OBJECT=RECORD,…] [--taken FILE] | claim drop --config FILE OBJECT…|--run RUN [--lang ru|en]"

// claimCall is a command line of provision claim.
type claimCall struct {
	verb, file, lang, format string
	out, plan, taken, run    string
	certain                  bool
	approve                  []string // OBJECT=RECORD
	objects                  []string // drop
}

func parseClaim(std streams, args []string) (c claimCall, err error) {
	fs := flag.NewFlagSet("provision", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.format, "format", "table", "claim plan: вид: table, csv, csv-bom (для Excel), json или xlsx / `FORMAT`: table, csv, csv-bom (for Excel), json or xlsx")
	fs.StringVar(&c.out, "out", "", "claim plan: куда записать план для apply / the `FILE` to write the plan to, for apply")
	fs.StringVar(&c.plan, "plan", "", "claim apply: план, который записала plan --out / the plan `FILE` that plan --out has written")
	fs.StringVar(&c.taken, "taken", "", "claim apply: имена, которые были заняты раньше, по одному в строке или CSV / a `FILE` of names that were in use, one a line or CSV")
	fs.StringVar(&c.run, "run", "", "claim drop: всё, что сделал один apply, назвавший RUN / all that the apply has done that named `RUN`")
	fs.BoolVar(&c.certain, "approve-certain", false, "claim apply: одобрить всё достоверное / approve all that is certain")
	approve := fs.String("approve", "", "claim apply: одобрить пары ЗАПИСЬ_AD=ЗАПИСЬ_РЕЕСТРА через запятую / approve the `PAIRS` OBJECT=RECORD, with commas")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	c.lang = *lang
	if *approve != "" {
		c.approve = strings.Split(*approve, ",")
	}
	if len(words) > 0 {
		c.verb, c.objects = words[0], words[1:]
	}
	switch {
	case !slices.Contains([]string{"plan", "apply", "drop"}, c.verb), !listFormat(c.format),
		c.verb != "drop" && (len(c.objects) > 0 || c.run != ""), c.verb == "drop" && (c.run == "") == (len(c.objects) == 0),
		c.verb != "plan" && c.out != "", (c.verb == "apply") != (c.plan != ""),
		c.verb != "apply" && (c.certain || len(c.approve) > 0 || c.taken != ""):
		return c, misused("provision")
	}
	return c, nil
}

func runClaim(ctx context.Context, std streams, args []string) error {
	call, err := parseClaim(std, args)
	if err != nil {
		return err
	}
	p, err := openProvisioner(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer p.close()
	k := &claiming{mending: &mending{provisioner: p}, claimCall: call, says: claimTexts[call.lang]}
	if call.verb == "drop" {
		return k.drop(ctx)
	}
	if err := p.dial(ctx); err != nil {
		return err
	}
	if call.verb == "plan" {
		return k.planClaims(ctx)
	}
	return k.applyClaims(ctx)
}

// claiming is one run of the command.
type claiming struct {
	*mending
	claimCall
	says claimText
}

// seenDirectory is what a walk over the directory came to.
type seenDirectory struct {
	summary   duplicates.ClaimSummary
	proposals []duplicates.Proposal // without those that were refused
	refused   int
	rest      int                      // accounts that were put to rest as duplicates
	settled   map[duplicates.GUID]bool // have an owner or a claim
}

// look reads the directory and the store. names is told every name that an
// account has.
func (k *claiming) look(ctx context.Context, names func(string) error) (*seenDirectory, error) {
	repairs := k.db.Repairs(targetAD)
	s := &seenDirectory{settled: map[duplicates.GUID]bool{}}
	owners, claims := map[duplicates.GUID]identity.PersonID{}, map[duplicates.GUID][]person.RecordRef{}
	err := repairs.Owners(ctx, func(id duplicates.GUID, p identity.PersonID) { owners[id], s.settled[id] = p, true },
		func(id duplicates.GUID, record person.RecordRef, _ identity.PersonID) {
			claims[id], s.settled[id] = append(claims[id], record), true
		})
	if err != nil {
		return nil, err
	}
	resting, err := repairs.Resting(ctx)
	if err != nil {
		return nil, err
	}
	k.say("%s", k.says.reading)
	claimer := duplicates.NewClaimer()
	err = k.mender.Scan(ctx, func(a duplicates.Account) error {
		a.Person, a.Records = owners[a.ID], claims[a.ID]
		if resting[a.ID] && duplicates.AtRest(a) {
			s.rest++
		} else {
			claimer.Add(a)
		}
		local, _, _ := strings.Cut(a.UPN, "@")
		for _, name := range []string{a.Name, local} {
			if err := names(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, k.unusable(err)
	}
	if err := repairs.Facts(ctx, claimer.Know); err != nil {
		return nil, err
	}
	refused, err := k.db.Queue().Refused(ctx)
	if err != nil {
		return nil, err
	}
	s.proposals, s.summary = claimer.Propose()
	s.proposals = slices.DeleteFunc(s.proposals, func(p duplicates.Proposal) bool {
		gone := p.RefusedAmong(refused)
		if gone {
			s.refused++
		}
		return gone
	})
	return s, nil
}

func (k *claiming) planClaims(ctx context.Context) error {
	seen, err := k.look(ctx, func(string) error { return nil })
	if err != nil {
		return err
	}
	if err := k.audit(ctx, "claim_plan", map[string]any{"accounts": seen.summary.Accounts, "proposals": len(seen.proposals)}); err != nil {
		return err
	}
	if name := k.claimCall.out; name != "" {
		out, err := openOutput(k.std, name)
		if err == nil {
			err = out.finish(k.writePlan(out, seen))
		}
		if err != nil {
			return fmt.Errorf(k.says.write, name, err)
		}
	}
	if err := k.list(seen.proposals); err != nil {
		return err
	}
	certain := 0
	for _, p := range seen.proposals {
		if p.Certain {
			certain++
		}
	}
	n := seen.summary
	k.say(k.says.planned, n.Accounts, n.Owned, n.Claimed, n.Protected, n.Outside, n.Unknown, seen.rest, certain, len(seen.proposals)-certain, seen.refused)
	if len(seen.proposals) > 0 {
		k.afterPlan(k.claimCall.lang, nextStepTexts[k.claimCall.lang].claim, k.claimCall.file, k.claimCall.out)
		return errFindings
	}
	return nil
}
