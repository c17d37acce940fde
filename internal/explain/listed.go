package explain

import (
	"fmt"

	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
)

// listedWords are what a line of the curators' list says beside a problem's words.
type listedWords struct {
	first, gone, goneRemedy, leftRemedy string
	decided, decidedRemedy, waits       string
	active                              map[match.Code]string
}

var listedTexts = map[Lang]listedWords{
	Russian: {
		first: " (сначала %s)",
		gone:  " (этой записи в реестре больше нет)",
		goneRemedy: "Если человек работает или учится в школе, она возвращает запись в свой реестр, и после загрузки человек активирует аккаунт ещё раз. " +
			"Если он выбыл, делать ничего не нужно: строка исчезнет сама (statistics.keep_tries).",
		decided:       " (куратор уже решил)",
		decidedRemedy: "Человек активирует аккаунт ещё раз: решение подействует.",
		waits:         "Делать ничего не нужно: аккаунт действует, а строка исчезнет сама при следующей активации.",
		leftRemedy:    "Если человек работает или учится в школе, она возвращает запись в свой реестр; без аккаунта он после загрузки активирует его ещё раз. Если он выбыл, делать ничего не нужно.",
		active: map[match.Code]string{
			match.KadrySNILSInvalid:     "Кадровик школы исправляет СНИЛС в 1С. Аккаунт у человека уже есть и действует, активировать его ещё раз не нужно.",
			match.EmploymentDataMissing: "Кадровик школы заполняет в 1С место работы и дату приёма. Аккаунт у человека уже есть: роль добавится сама, активировать ещё раз не нужно.",
		},
	},
	English: {
		first: " (%s first)",
		gone:  " (this record is no longer in its registry)",
		goneRemedy: "If the person works or studies at the school, it puts the record back into its registry, and after the next import the person activates again. " +
			"Whoever has left needs nothing: the line goes by itself (statistics.keep_tries).",
		decided:       " (a curator has decided)",
		decidedRemedy: "The person activates again: the decision takes effect.",
		waits:         "Nothing is to be done: the account works, and the line goes by itself at the next activation.",
		leftRemedy:    "If the person works or studies at the school, it puts the record back into its registry; whoever has no account activates again after the next import. Whoever has left needs nothing.",
		active: map[match.Code]string{
			match.KadrySNILSInvalid:     "The personnel officer corrects the SNILS in 1C. The person has an account that works, and need not activate again.",
			match.EmploymentDataMissing: "The personnel officer fills in the place of work and the first day in 1C. The person has an account: the role is added by itself, without activating again.",
		},
	},
}

// leftAdvice is for a row that has left its registry: there is nothing to correct.
func leftAdvice(lang Lang, advice Advice) Advice {
	t := listedTexts[lang]
	return Advice{advice.Meaning + t.gone, t.leftRemedy}
}

// Listed puts a line of the curators' list into words, and says who repairs it.
func Listed(lang Lang, i census.Item) (said Problem, who string) {
	said, who = ProblemOf(lang, i.Problem), Repairer(lang, i.Problem.Code)
	t := listedTexts[lang]
	if remedy := t.active[i.Problem.Code]; i.Active && remedy != "" {
		said.Remedy = remedy
	}
	n := map[Lang]int{English: 1}[lang]
	switch {
	case i.Decided && i.Active:
		said.Meaning, said.Remedy, who = said.Meaning+t.decided, t.waits, nobodyAtAll[n]
	case i.Decided:
		said.Meaning, said.Remedy, who = said.Meaning+t.decided, t.decidedRemedy, thePerson[n]
	}
	if i.Gone {
		said.Meaning, said.Remedy, who = said.Meaning+t.gone, t.goneRemedy, theSchool[n]
	}
	if i.First.Code != "" {
		said.Meaning += fmt.Sprintf(t.first, i.First.Code)
	}
	return said, who
}

// Mark is what a table for a terminal says beside a line's code.
func Mark(lang Lang, i census.Item) string {
	switch {
	case i.First.Code != "":
		return fmt.Sprintf(listedTexts[lang].first, i.First.Code)
	case i.Gone:
		return listedTexts[lang].gone
	case i.Decided:
		return listedTexts[lang].decided
	}
	return ""
}
