package main

// nextSteps say what is to be done after a command, in one language.
type nextSteps struct {
	keep, claim, duplicates  string // after a plan
	approval, suffix, screen string
	nothing                  string
	decisions                []string
}

var nextStepTexts = map[string]nextSteps{
	"ru": {
		keep:       "чтобы выполнить, сохраните план: --out ФАЙЛ",
		claim:      "дальше: проверьте план и выполните schoolbridge provision claim apply --config %s --plan %s --approve-certain; остальное уйдёт в очередь куратора",
		duplicates: "дальше: проверьте план и выполните schoolbridge duplicates apply --config %s --plan %s --approve-certain или --approve ГРУППА,…",
		approval:   "назовите, что из плана одобрено: --approve-certain (всё достоверное) или --approve ГРУППА,…",
		suffix:     "отчёт %s: имя кончается на .html или .xlsx",
		screen:     "xlsx не для экрана: укажите --out ФАЙЛ.xlsx",
		nothing:    "решать нечего",
		decisions:  []string{"Решение", "Когда", "Вопрос", "Ответ", "О чём", "Кто", "Почему", "Отменено"},
	},
	"en": {
		keep:       "to carry it out keep the plan: --out FILE",
		claim:      "next: look at the plan and run schoolbridge provision claim apply --lang en --config %s --plan %s --approve-certain; the rest goes to the curators' queue",
		duplicates: "next: look at the plan and run schoolbridge duplicates apply --lang en --config %s --plan %s --approve-certain, or --approve GROUP,…",
		approval:   "say what of the plan is approved: --approve-certain (all that is certain) or --approve GROUP,…",
		suffix:     "report %s: its name ends in .html or .xlsx",
		screen:     "xlsx is not for a screen: name --out FILE.xlsx",
		nothing:    "there is nothing to decide",
		decisions:  []string{"Decision", "When", "Question", "Answer", "About", "Who", "Why", "Taken back"},
	},
}

// afterPlan says how a plan is carried out.
func (p *provisioner) afterPlan(lang, next, file, out string) {
	if out == "" {
		p.say("%s", nextStepTexts[lang].keep)
		return
	}
	p.say(next, file, out)
}
