package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

const claimUsage = "claim plan --config FILE [--out PLAN] [--format table|csv|json|xlsx] | " +
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
	fs.StringVar(&c.format, "format", "table", "claim plan: вид: table, csv, json или xlsx / `FORMAT`: table, csv, json or xlsx")
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

// claimPlan is the file that plan writes for apply.
type claimPlan struct {
	Made      time.Time               `json:"made"`
	Base      string                  `json:"base"`
	Summary   duplicates.ClaimSummary `json:"summary"`
	Proposals []duplicates.Proposal   `json:"proposals"`
}

// claimPlanBytes bounds the file: 200 thousand accounts are 150 MB.
const claimPlanBytes = 1 << 30

func runClaim(ctx context.Context, std streams, args []string) error {
	call, err := parseClaim(std, args)
	if err != nil {
		return err
	}
	c, err := loadConfig(std, call.file, call.lang)
	if err != nil {
		return err
	}
	p := &provisioner{std: std, config: c, text: provisionTexts[call.lang], now: time.Now}
	if !c.AD.On() {
		return usageError(p.text.noSection, call.file)
	}
	if p.db, err = openMadeStore(ctx, c); err != nil {
		return err
	}
	defer func() { _ = p.db.Close() }() // everything is committed by then
	k := &claiming{mending: &mending{provisioner: p}, claimCall: call, says: claimTexts[call.lang]}
	if call.verb == "drop" {
		return k.drop(ctx)
	}
	target, client, err := dialAD(c, discardLog())
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	defer func() { _ = client.Close() }()
	p.target, k.mender = target, target.Mender(client, c.AD.DuplicatesOU)
	if err := target.Check(ctx); err != nil {
		return p.unusable(err)
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
	k.say("%s", k.says.reading)
	claimer := duplicates.NewClaimer()
	err = k.mender.Scan(ctx, func(a duplicates.Account) error {
		a.Person, a.Records = owners[a.ID], claims[a.ID]
		claimer.Add(a)
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
		if refused[p.Seen] {
			s.refused++
		}
		return refused[p.Seen]
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
		plan := claimPlan{k.now(), string(k.config.AD.SearchBase), seen.summary, seen.proposals}
		out, err := openOutput(k.std, name)
		if err == nil {
			err = out.finish(json.NewEncoder(out).Encode(plan))
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
	k.say(k.says.planned, n.Accounts, n.Owned, n.Claimed, n.Protected, n.Outside, n.Unknown, certain, len(seen.proposals)-certain, seen.refused)
	if len(seen.proposals) > 0 {
		k.afterPlan(k.claimCall.lang, nextStepTexts[k.claimCall.lang].claim, k.claimCall.file, k.claimCall.out)
		return errFindings
	}
	return nil
}

// claimLine is a proposal for a program.
type claimLine struct {
	Object     duplicates.GUID  `json:"object"`
	Name       string           `json:"name"`
	UPN        string           `json:"upn,omitempty"`
	Display    string           `json:"display,omitempty"`
	Place      string           `json:"place"`
	Enabled    bool             `json:"enabled"`
	Level      string           `json:"level"` // certain or decide
	Why        []string         `json:"why"`
	Candidates []claimCandidate `json:"candidates"`
}

type claimCandidate struct {
	Records []string            `json:"records"`
	FIO     string              `json:"fio"`
	Birth   string              `json:"birth_date,omitempty"`
	School  person.SchoolID     `json:"school"`
	Level   duplicates.Level    `json:"level"`
	Reasons []duplicates.Reason `json:"reasons"`
}

// recordWord writes a record as the commands take it.
func recordWord(r person.RecordRef) string { return r.Kind.String() + ":" + string(r.ID) }

func recordWords(list []person.RecordRef) []string {
	words := make([]string, 0, len(list))
	for _, r := range list {
		words = append(words, recordWord(r))
	}
	return words
}

func (k *claiming) list(list []duplicates.Proposal) error {
	if k.claimCall.format == "json" {
		all := &array{to: k.std.out}
		for _, p := range list {
			if err := all.item(claimLineOf(p)); err != nil {
				return err
			}
		}
		return all.end()
	}
	rows, err := table.New(k.std.out, k.claimCall.format, k.says.title, k.says.head)
	if err != nil {
		return err
	}
	for _, p := range list {
		for i, c := range p.Candidates {
			level, why := k.says.decide, k.says.reasons(p.Why)
			if p.Certain {
				level = k.says.certain
			}
			if i > 0 {
				level, why = "", ""
			}
			if err := rows.Row(p.Name, level, c.FIO, string(c.School), strings.Join(recordWords(c.Records), " "), k.says.reasons(c.Reasons), why, p.Display, p.Place); err != nil {
				return err
			}
		}
	}
	return rows.Close()
}

func claimLineOf(p duplicates.Proposal) claimLine {
	line := claimLine{p.Object, p.Name, p.UPN, p.Display, p.Place, p.Enabled, "decide", []string{}, nil}
	if p.Certain {
		line.Level = "certain"
	}
	for _, w := range p.Why {
		line.Why = append(line.Why, string(w))
	}
	for _, c := range p.Candidates {
		line.Candidates = append(line.Candidates, claimCandidate{recordWords(c.Records), c.FIO, c.Birth.String(), c.School, c.Level, c.Reasons})
	}
	return line
}

func (k *claiming) readPlan() (*claimPlan, error) {
	f, err := os.Open(k.plan)
	if err != nil {
		return nil, usageError(k.says.noPlan, k.plan, err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	var plan claimPlan
	if err := json.NewDecoder(io.LimitReader(f, claimPlanBytes)).Decode(&plan); err != nil {
		return nil, usageError(k.says.noPlan, k.plan, err)
	}
	if !strings.EqualFold(plan.Base, string(k.config.AD.SearchBase)) {
		return nil, usageError(k.says.otherPlan, k.plan, plan.Base)
	}
	return &plan, nil
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

// namesKept keeps names of the directory, some at a time.
type namesKept struct {
	ctx    context.Context
	keep   *store.Names
	source provision.NameSource
	some   []string
	n      int
}

const namesAtOnce = 1000

func (n *namesKept) add(name string) error {
	if name == "" {
		return nil
	}
	n.n++
	n.some = append(n.some, name)
	if len(n.some) < namesAtOnce {
		return nil
	}
	return n.flush()
}

func (n *namesKept) flush() error {
	err := n.keep.Record(n.ctx, targetAD, n.source, n.some)
	n.some = n.some[:0]
	return err
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
	run := "r" + k.now().UTC().Format("20060102T150405")
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
			k.say("%s: %s", a.Proposal.Name, k.says.refusal(err))
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
	k.say(k.says.applied, done, run, len(rest))
	if len(rest) > 0 {
		return errFindings
	}
	return nil
}

// choose gives what was approved and is as it was, and what is left for the queue.
func (k *claiming) choose(plan *claimPlan, seen *seenDirectory, pairs map[string]string) (approved []store.Approved, rest []duplicates.Proposal, err error) {
	now := map[duplicates.GUID]duplicates.Proposal{}
	for _, p := range seen.proposals {
		now[p.Object] = p
	}
	taken := map[duplicates.GUID]bool{}
	for _, old := range plan.Proposals {
		record, wanted := pairs[strings.ToLower(old.Name)]
		id := hex.EncodeToString(old.Object[:])
		if byID, ok := pairs[id]; ok {
			record, wanted = byID, true
		}
		delete(pairs, strings.ToLower(old.Name))
		delete(pairs, id)
		if !wanted && !(k.certain && old.Certain) {
			continue
		}
		p, ok := now[old.Object]
		switch {
		case seen.settled[old.Object]:
			k.say(k.says.settled, old.Name)
			continue
		case !ok || p.Seen != old.Seen:
			k.say(k.says.moved, old.Name)
			continue
		}
		at := 0
		if wanted {
			at = slices.IndexFunc(p.Candidates, func(c duplicates.Candidate) bool { return namesRecord(c.Records, record) })
			if at < 0 {
				return nil, nil, usageError(k.says.noCandidate, old.Name, record)
			}
		}
		approved, taken[p.Object] = append(approved, store.Approved{Proposal: p, Candidate: at, Further: wanted}), true
	}
	for object := range pairs {
		return nil, nil, usageError(k.says.noProposal, object)
	}
	for _, p := range seen.proposals {
		if !taken[p.Object] {
			rest = append(rest, p)
		}
	}
	return approved, rest, nil
}

// namesRecord says that one of the records is meant, as "k1" or "kadry:k1".
func namesRecord(records []person.RecordRef, word string) bool {
	return slices.ContainsFunc(records, func(r person.RecordRef) bool { return word == string(r.ID) || word == recordWord(r) })
}

// drop takes claims back: of a run, or on objects.
func (k *claiming) drop(ctx context.Context) error {
	q := k.db.Queue()
	var list []queue.Decision
	var err error
	if k.run != "" {
		list, err = q.Claimed(ctx, k.run, [16]byte{})
	}
	for _, word := range k.objects {
		var id duplicates.GUID
		if bad := id.UnmarshalText([]byte(word)); bad != nil {
			return usageError(k.says.noObject, word)
		}
		some, bad := q.Claimed(ctx, "", id)
		if bad == nil && len(some) == 0 { // claimed without a decision: by the demo, by a repair
			bad = k.dropBare(ctx, id)
		}
		list, err = append(list, some...), errors.Join(err, bad)
	}
	if err != nil {
		return err
	}
	done, kept := 0, 0
	for _, d := range list {
		switch _, err := q.Undo(ctx, d.ID, callerText(), k.now()); {
		case errors.Is(err, queue.ErrUsed):
			kept++
			k.say(k.says.used, d.Object.Name)
		case err != nil:
			return err
		default:
			done++
		}
	}
	k.say(k.says.dropped, done, kept)
	if kept > 0 {
		return errFindings
	}
	return nil
}

func (k *claiming) dropBare(ctx context.Context, id duplicates.GUID) error {
	owners, err := k.db.Accounts().Owners(ctx, targetAD, [][16]byte{id})
	if err != nil {
		return err
	}
	o := owners[id]
	if o.Subject != "" || len(o.Records) == 0 {
		return usageError(k.says.noClaim, hex.EncodeToString(id[:]))
	}
	if err := k.audit(ctx, "claim_drop", map[string]any{"object": hex.EncodeToString(id[:]), "records": o.Records}); err != nil {
		return err
	}
	return k.db.Claims().Drop(ctx, targetAD, id)
}
