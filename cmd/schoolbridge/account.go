package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

const (
	verbSuspend = "suspend"
	verbResume  = "resume"
)

// longestReason is how many characters a reason may have: it is a line in the
// report of explain.
const longestReason = 200

// accountCall is a command line of account.
type accountCall struct {
	verb, login, reason, file string
	lang                      explain.Lang
	json                      bool
}

func parseAccount(std streams, args []string) (c accountCall, err error) {
	fs := flag.NewFlagSet("account", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	fs.StringVar(&c.reason, "reason", "", "почему; остаётся в журнале аудита, виден в explain / why; kept in the audit trail and shown by explain: `TEXT`")
	fs.BoolVar(&c.json, "json", false, "вывести JSON / print JSON")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	if len(words) != 2 || words[0] != verbSuspend && words[0] != verbResume {
		return c, misused("account")
	}
	c.verb, c.login, c.lang = words[0], words[1], explain.Lang(*lang)
	c.reason = strings.TrimSpace(c.reason)
	if c.reason == "" || utf8.RuneCountInString(c.reason) > longestReason || strings.ContainsFunc(c.reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return c, usageError("account %s: --reason: %s", c.verb, c.say("напишите причину одной строкой, не длиннее 200 знаков", "write the reason, one line of at most 200 characters"))
	}
	return c, nil
}

func (c accountCall) say(ru, en string) string {
	if c.lang == explain.English {
		return en
	}
	return ru
}

// runAccount switches an account off or on. The daemon beside it, and the
// workers of targets, learn it from the change feed.
func runAccount(ctx context.Context, std streams, args []string) error {
	call, err := parseAccount(std, args)
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, call.file, string(call.lang))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	s := &switcher{accountCall: call, db: db, config: c, now: time.Now()}
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	if call.json {
		err = std.json(done)
	} else {
		err = s.tell(std.out, done)
	}
	if err == nil && call.verb == verbResume && done.Closed {
		return errFindings
	}
	return err
}

// switcher is one run of the command.
type switcher struct {
	accountCall
	db     *store.DB
	config *config.Config
	now    time.Time
}

// switched is what the command did.
type switched struct {
	Request   string `json:"request"` // "suspend" or "resume"
	Person    string `json:"person"`
	Login     string `json:"login"`
	Name      string `json:"name"`            // ФИО
	Changed   bool   `json:"changed"`         // false: it was so already
	Suspended bool   `json:"suspended"`       // here
	Closed    bool   `json:"closed_by_mosru"` // which this command does not open
	// Devices are on the Wi-Fi now; those of Staying at a NAS client that is not
	// asked to disconnect them (dynamic_authorization).
	Devices int `json:"devices"`
	Staying int `json:"devices_staying"`
}

func (s *switcher) turn(ctx context.Context) (d switched, err error) {
	name := bareName(s.config, s.login)
	holder, err := holderOf(ctx, s.db, s.config, s.login)
	known := !errors.Is(err, identity.ErrNotFound)
	if known && err != nil {
		return d, err
	}
	if err := s.audit(ctx, holder.Person, name); err != nil {
		return d, err
	}
	if holder.Login == "" {
		return d, s.refusal(ctx, name, holder, known)
	}
	accounts := s.db.Accounts()
	change, want := accounts.Suspend, true
	if s.verb == verbResume {
		change, want = accounts.Resume, false
	}
	if err := change(ctx, holder.Person, s.now, s.reason); err != nil {
		return d, err
	}
	if want { // browsers that are signed in know nothing of it
		if err := s.db.WebSessions().EndAll(ctx, holder.Subject); err != nil {
			return d, err
		}
	}
	d = switched{Request: s.verb, Person: holder.Person.String(), Login: string(holder.Login), Name: person.JoinFIO(holder.Last, holder.First, holder.Middle),
		Changed: holder.Suspended != want, Suspended: want, Closed: holder.Closed}
	d.Devices, d.Staying, err = s.devices(ctx, holder.Person)
	return d, err
}

// audit: who asked for it and why is a line of the trail, also where nothing
// came of it; the change itself is another.
func (s *switcher) audit(ctx context.Context, id identity.PersonID, asked string) error {
	payload, err := json.Marshal(byCaller(map[string]any{"asked": asked, "request": s.verb, "reason": s.reason}))
	if err != nil {
		return err
	}
	return s.db.Audit().Append(ctx, []identity.AuditEntry{{At: s.now, Kind: "account", Person: id, Payload: payload}})
}

// refusal says why there is nothing to switch.
func (s *switcher) refusal(ctx context.Context, name string, holder store.Holder, known bool) error {
	if known && onlyParent(holder) {
		return usageError("account %s: «%s»: %s", s.verb, name, s.say("это родитель, в школах он не работает и не учится: аккаунта у него нет; ничего не изменено",
			"this is a parent, who neither works nor studies at a school and has no account; nothing was changed"))
	}
	reason := identity.ReasonNotActivated
	if !known {
		rows, err := s.db.Accounts().RecordsByLogin(ctx, name)
		if err != nil {
			return err
		}
		if len(rows.Employments)+len(rows.Enrolments) == 0 {
			reason = nobodys(name)
		}
	}
	advice, _ := explain.AdviceFor(s.lang, reason)
	return usageError("account %s: «%s»: %s; %s", s.verb, name, advice.Meaning,
		s.say("ничего не изменено. Логин проверьте командой schoolbridge explain", "nothing was changed. Check the login with schoolbridge explain"))
}

// devices counts those that the person has on the Wi-Fi, and those of them that
// nobody will ask to leave.
func (s *switcher) devices(ctx context.Context, id identity.PersonID) (all, staying int, err error) {
	list, err := s.db.Journal().Find(ctx, journal.Query{Person: id, Live: true})
	if err != nil {
		return 0, 0, err
	}
	asked := map[string]bool{}
	for _, c := range s.config.RADIUS.Clients {
		asked[c.Name] = c.DynamicAuthorization.Port != 0 || c.DynamicAuthorization.RadSec
	}
	for _, x := range list {
		if !asked[x.NAS] {
			staying++
		}
	}
	return len(list), staying, nil
}

// suspension tells who closed an account: explain's part.
func (e *explainer) suspension(ctx context.Context, h store.Holder) (*explain.Suspension, error) {
	if !h.Suspended && !h.Closed {
		return nil, nil
	}
	s := &explain.Suspension{Here: h.Suspended, Mosru: h.Closed}
	if !s.Here {
		return s, nil
	}
	lines, err := e.db.Audit().Recent(ctx, h.Person, 1, "state")
	if err != nil || len(lines) == 0 {
		return s, err
	}
	var told struct{ Reason string }
	if lines[0].Payload != nil { // not erased
		err = json.Unmarshal(lines[0].Payload, &told)
	}
	s.Since, s.Reason = lines[0].At, told.Reason
	return s, err
}
