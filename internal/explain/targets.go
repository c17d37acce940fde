package explain

import (
	"time"

	"schoolbridge/provision/match"
)

// Target is how far the person's account is in one target, such as Active
// Directory.
type Target struct {
	Target string `json:"target"`
	// State is "ready", "pending" or "problem"; "none" where the person has an
	// account and none was ever asked for there.
	State   string `json:"state"`
	Name    string `json:"name,omitempty"`  // sAMAccountName
	Teams   string `json:"teams,omitempty"` // userPrincipalName
	Made    bool   `json:"made"`            // an object is known
	Enabled bool   `json:"enabled"`
	// Seen is the last look at it; zero: none yet.
	Seen time.Time `json:"seen,omitzero"`
	// Next is when it is looked at again; where State is pending, since when it waits.
	Next time.Time `json:"next,omitzero"`
	// PasswordWaits says that a password was typed and is not delivered yet.
	PasswordWaits bool `json:"password_waits"`
	// Waits is a change that is not made yet; nil where there is none, or nothing
	// is known to hold it up.
	Waits *Waiting `json:"waits,omitempty"`
	// Until is the last day on which the account of somebody who left stays enabled.
	Until    string    `json:"enabled_until,omitempty"`
	Problems []Problem `json:"problems"`
	// Live is what the target itself says just now; nil where it was not asked.
	Live []Finding `json:"live,omitempty"`
}

// States of a target.
const (
	TargetNone    = "none"
	TargetReady   = "ready"
	TargetPending = "pending"
	TargetProblem = "problem"
)

// found says that something is to be done about the account: by somebody, or
// by the person.
func (t Target) found() bool {
	return t.State == TargetProblem || t.State == TargetNone || len(t.Problems) > 0 || len(t.Live) > 0 || t.Waits != nil
}

// Problem is one of the account's problems with its advice.
type Problem struct {
	Code    string `json:"code"` // with its argument, as the lists show it
	Meaning string `json:"meaning"`
	Remedy  string `json:"remedy"`
}

// ProblemOf says a problem in words.
func ProblemOf(lang Lang, p match.Problem) Problem { return ProblemAt(lang, "", p) }

// ProblemAt is ProblemOf about somebody whose password a system beside mos.ru
// checks; home is its name, "" for mos.ru.
func ProblemAt(lang Lang, home string, p match.Problem) Problem {
	advice, _ := ProblemAdviceAt(lang, home, p.Code)
	return Problem{Code: p.String(), Meaning: advice.Meaning, Remedy: advice.Remedy}
}

// targetWords are the fixed texts of the targets' part.
type targetWords struct {
	name, teams, noTeams, absent, on, off, seen, never, next, waiting, waits, password, until, wasReady string

	target, state map[string]string
	none          Advice
}

var targetTexts = map[Lang]targetWords{
	Russian: {"вход на ПК", "Teams", "логина Teams пока нет", "там её нет", "включена", "выключена", "проверена", "ещё не проверялась", "следующая проверка", "в очереди с", "не всё ещё сделано",
		"пароль принят и ждёт передачи", "человек выбыл; запись остаётся включённой по %s (ad.grace_days), в Wi-Fi и LDAP входа уже нет", "при последней проверке всё было как должно",
		map[string]string{"ad": "Active Directory (ПК, Teams)"},
		map[string]string{TargetReady: "всё как должно быть", TargetPending: "ждёт очереди", TargetProblem: "есть проблема", TargetNone: "учётной записи нет"},
		Advice{"аккаунт активирован раньше, чем подключили Active Directory", "Человек ещё раз вводит логин и пароль mos.ru на странице активации."}},
	English: {"PC login", "Teams", "no Teams login yet", "not there", "enabled", "disabled", "looked at", "not looked at yet", "next look", "in the queue since", "not all is done yet",
		"a password was taken and waits for delivery", "the person has left; the account stays enabled until %s (ad.grace_days), Wi-Fi and LDAP are closed already", "as it should be when it was last looked at",
		map[string]string{"ad": "Active Directory (PCs, Teams)"},
		map[string]string{TargetReady: "as it should be", TargetPending: "in the queue", TargetProblem: "a problem", TargetNone: "no account there"},
		Advice{"the account was activated before Active Directory was connected", "The person types the mos.ru login and password on the activation page once more."}},
}

const clock = "2006-01-02 15:04:05"

// writeTargets gives each target its lines: how far it is, the names there,
// and each problem with its remedy.
func (r Report) writeTargets(p *printer, loc *time.Location) {
	t := targetTexts[p.lang]
	for _, x := range r.Targets {
		state := word(t.state, x.State)
		if x.Waits != nil && x.State == TargetPending {
			state = t.waits
		}
		if len(x.Live) > 0 && x.State == TargetReady {
			state = t.wasReady
		}
		p.line("%s: %s", word(t.target, x.Target), state)
		if x.State == TargetNone {
			p.advice("  ", adviceAt(p.lang, p.home, string(FaultNoTarget), t.none))
			continue
		}
		p.line("  %s", p.list(t.name+" "+x.Name, x.teams(t), x.life(t)))
		p.line("  %s", p.list(x.looks(t, loc)...))
		if x.PasswordWaits {
			p.line("  %s", t.password)
		}
		if x.Until != "" {
			p.line("  "+t.until, x.Until)
		}
		if x.Waits != nil {
			p.advice("  ", Advice{x.Waits.line(p.lang, loc), faultAdvice[waitsFaults[x.Waits.For]][map[Lang]int{English: 1}[p.lang]].Remedy})
		}
		if r.Broken == nil || r.Broken.Link != LinkTarget { // else it stands at the top
			x.writeLive(p)
		}
		for _, problem := range x.Problems {
			p.advice("  ", Advice{problem.Code + ": " + problem.Meaning, problem.Remedy})
		}
	}
}

// writeLive tells what was seen just now beside what stands in the way.
func (t Target) writeLive(p *printer) {
	for _, f := range t.Live {
		if a, _, ok := FaultAdvice(p.lang, f.Code); ok {
			p.advice("  ", Advice{string(f.Code) + ": " + a.Meaning, a.Remedy})
		}
	}
}

func (t Target) teams(w targetWords) string {
	if t.Teams == "" {
		return w.noTeams
	}
	return w.teams + " " + t.Teams
}

// life says whether the account is there and enabled, as far as was seen.
func (t Target) life(w targetWords) string {
	switch {
	case t.Seen.IsZero():
		return ""
	case !t.Made:
		return w.absent
	case t.Enabled:
		return w.on
	}
	return w.off
}

// looks says when the account was looked at and when it is again.
func (t Target) looks(w targetWords, loc *time.Location) []string {
	seen, next := w.never, ""
	if !t.Seen.IsZero() {
		seen = w.seen + " " + t.Seen.In(loc).Format(clock)
	}
	if !t.Next.IsZero() {
		next = w.next + " " + t.Next.In(loc).Format(clock)
		if t.State == TargetPending && t.Waits == nil {
			next = w.waiting + " " + t.Next.In(loc).Format(clock)
		}
	}
	return []string{seen, next}
}
