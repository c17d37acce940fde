package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// There is an account of a target beside the one that a person has: it was there
// before, and is or may be somebody's.
type There struct {
	Target  string `json:"target"`
	Name    string `json:"name"` // sAMAccountName
	Teams   string `json:"teams,omitempty"`
	Enabled bool   `json:"enabled"`
	State   string `json:"state"`
	// For are the people for whom it is claimed, or who may be behind it.
	For []ThereFor `json:"for,omitempty"`
	// Login is the name of the account that its person signs in with instead.
	Login    string   `json:"login,omitempty"`
	Question string   `json:"question,omitempty"`   // of the queue, whole
	Decision *Decided `json:"decision,omitempty"`   // by which it is claimed, or nobody's
	Group    string   `json:"duplicates,omitempty"` // of the search for duplicates
	Asked    bool     `json:"asked,omitempty"`      // it has the name that was asked for
	InWay    bool     `json:"in_way,omitempty"`     // it has the name that an activation needs
}

// ThereFor is one of the people of a There.
type ThereFor struct {
	Name    string   `json:"name,omitempty"` // ФИО
	Records []string `json:"records"`
	Why     string   `json:"why,omitempty"` // what speaks for it
}

// States of accounts that were there before.
const (
	ThereOwn     = "own"     // the person's, by another name than the one asked for
	ThereClaimed = "claimed" // it becomes the person's at the next activation
	ThereFurther = "further" // one too many
	ThereWaits   = "waits"   // in the queue
	ThereRefused = "refused" // nobody's of those who were proposed
	ThereNobodys = "nobodys" // nobody was asked whose it is
)

// thereText are the words of accounts that were there before, in one language. The
// remedies take Report.There's number of a question or decision, or its Login.
type thereText struct {
	title, evidence, group, noDecision string
	inWay                              Advice // of one that is nobody's
	states                             map[string]Advice
}

var thereTexts = map[Lang]thereText{
	Russian: {"Другие учётные записи AD", "почему: %s", "группа дубликатов %s", "отмечена без решения: снимает schoolbridge provision claim drop",
		Advice{"эта учётная запись AD с логином человека стоит на пути активации, а чья она, неизвестно", "Куратор отвечает на вопрос об активации в очереди: запись этого человека или чужая."},
		map[string]Advice{
			ThereOwn:     {"так учётную запись этого человека называет AD, а имя для входа здесь другое", "На ПК, досках и в Wi-Fi человек входит с именем %s."},
			ThereClaimed: {"учётная запись AD отмечена за этим человеком и станет его, когда он активирует аккаунт", "Человек входит на страницу активации. Если запись не его, отметку снимает schoolbridge queue undo %s."},
			ThereFurther: {"это ещё одна учётная запись AD этого человека, лишняя (AD_DUPLICATE): входит он с другой", "Человек входит с именем %s. Отключить лишнюю предложит schoolbridge duplicates plan."},
			ThereWaits:   {"чья эта учётная запись AD, ждёт решения в очереди куратора", "Куратор смотрит вопрос и отвечает на него: schoolbridge queue show %s."},
			ThereRefused: {"учётная запись AD есть, но человек решил, что она ничья из предложенных людей", "Если это ошибка, решение отменяет schoolbridge queue undo %s."},
			ThereNobodys: {"учётная запись AD с таким именем есть, но здесь она ничья, и никого о ней не спрашивали", "Оператор выполняет schoolbridge provision claim plan и claim apply: чья запись, видно станет там или в очереди. Служебные записи остаются ничьими."},
		}},
	English: {"Other AD accounts", "why: %s", "group of duplicates %s", "claimed without a decision: schoolbridge provision claim drop takes it back",
		Advice{"this AD account with the person's login stands in the way of the activation, and nobody knows whose it is", "The curator answers the question of the activation in the queue: the account is this person's, or another's."},
		map[string]Advice{
			ThereOwn:     {"so AD calls this person's account, while the name to sign in with here is another one", "On PCs, boards and the Wi-Fi the person signs in with the name %s."},
			ThereClaimed: {"the AD account is claimed for this person and becomes theirs at the activation", "The person signs in on the activation page. If the account is not theirs, schoolbridge queue undo %s takes the claim back."},
			ThereFurther: {"it is a further AD account of this person, one too many (AD_DUPLICATE): they sign in with another one", "The person signs in with the name %s. schoolbridge duplicates plan proposes to disable the one too many."},
			ThereWaits:   {"whose this AD account is waits for a decision in the curators' queue", "The curator looks at the question and answers it: schoolbridge queue show %s."},
			ThereRefused: {"the AD account is there, but somebody has decided that it is nobody's of those who were proposed", "If that is a mistake, schoolbridge queue undo %s takes the decision back."},
			ThereNobodys: {"an AD account of this name is there, but nobody's here, and nobody was asked about it", "The operator runs schoolbridge provision claim plan and claim apply: whose it is shows there or in the queue. Accounts of services stay nobody's."},
		}},
}

// thereFaults are the faults of those that somebody asks for by name.
var thereFaults = map[string]Fault{ThereWaits: FaultThereWaits, ThereRefused: FaultThereRefused, ThereNobodys: FaultThereNobodys, ThereFurther: FaultThereFurther, ThereOwn: FaultThereRenamed}

// Advice says how it is with the account, and what is to be done.
func (a There) Advice(lang Lang) Advice {
	said, about := thereTexts[lang].states[a.State], ""
	switch {
	case a.InWay && a.State == ThereNobodys:
		return thereTexts[lang].inWay
	case a.State == ThereOwn || a.State == ThereFurther:
		about = a.Login
	case a.State == ThereWaits:
		about = a.Question
	case a.Decision != nil:
		about = a.Decision.ID
	case a.State == ThereClaimed:
		return Advice{said.Meaning, thereTexts[lang].noDecision}
	}
	if strings.Contains(said.Remedy, "%s") {
		said.Remedy = fmt.Sprintf(said.Remedy, about)
	}
	return said
}

// broken is the account as a broken link.
func (a There) broken() *broken {
	return &broken{at: LinkTarget, code: string(thereFaults[a.State]), where: a.Name, remedy: &[2]string{a.Advice(Russian).Remedy, a.Advice(English).Remedy}}
}

// nobodysThere: the name is that of an account of a target alone, of which nobody has
// said whose it is.
func (r *Report) nobodysThere(time.Time) *broken {
	if r.Person != "" || r.Account != identity.ReasonUnknown {
		return nil
	}
	for _, a := range r.There {
		if thereFaults[a.State] != "" {
			return a.broken()
		}
	}
	return nil
}

// otherThere: the name is that of an account which the person does not sign in with.
func (r *Report) otherThere(time.Time) *broken {
	for _, a := range r.There {
		if a.Asked && a.State == ThereFurther {
			return a.broken()
		}
		if a.Asked && a.State == ThereOwn {
			b := a.broken()
			b.where = r.Asked
			return b
		}
	}
	return nil
}

// writeThere tells of the accounts, whose they are and by what.
func (r Report) writeThere(p *printer, loc *time.Location) {
	t := thereTexts[p.lang]
	others := slices.DeleteFunc(slices.Clone(r.There), func(a There) bool { return a.State == ThereOwn }) // which the target tells of
	if len(others) > 0 {
		p.line("%s:", t.title)
	}
	for _, a := range others {
		said, on := a.Advice(p.lang), targetTexts[p.lang].off
		if a.Enabled {
			on = targetTexts[p.lang].on
		}
		teams := ""
		if a.Teams != "" {
			teams = targetTexts[p.lang].teams + " " + a.Teams
		}
		p.line("  %s: %s", p.list(a.Name, teams, on), said.Meaning)
		for _, f := range a.For {
			why := ""
			if f.Why != "" {
				why = fmt.Sprintf(t.evidence, f.Why)
			}
			p.line("      %s", p.list(f.Name, strings.Join(f.Records, " "), why))
		}
		if d := a.Decision; d != nil {
			p.line("      %s", p.list(p.fields(d.ID+":", cmp.Or(d.VerbIn(p.lang), string(d.Verb))), d.said(p.lang, loc)))
		}
		if a.Group != "" {
			p.line("      "+t.group, a.Group)
		}
		if said.Remedy != "" {
			p.line("      %s: %s", p.t.todo, said.Remedy)
		}
	}
}
