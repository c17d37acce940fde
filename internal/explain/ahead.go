package explain

import "time"

// Next is an activation that nobody has tried yet.
type Next struct {
	Decision string   `json:"decision"` // never "match"
	Problems []string `json:"problems"`
	Reasons  []string `json:"reasons"` // sentences in the reader's language
}

// aheadWords say of a broken link that it keeps nobody out yet.
var aheadWords = map[Lang]struct{ title, meaning string }{
	Russian: {"Следующая активация (по нынешним данным mos.ru и реестров)", "вход пока действует, но следующая активация не пройдёт: "},
	English: {"Next activation (by what mos.ru and the registries say now)", "signing in works for now, but the next activation will not pass: "},
}

// ahead: what stands in the way of the next activation of somebody whose account
// works: after a change of the password, say, it has to be gone through again.
func (r *Report) ahead(time.Time) *broken {
	if r.Person == "" || r.Account != "" {
		return nil
	}
	for i := range r.Tries {
		if p := decisive(r.Tries[i].Now); r.Tries[i].Own && p != "" {
			b := r.problemOf(&r.Tries[i], p)
			b.ahead = true
			return b
		}
	}
	if r.Next == nil {
		return nil
	}
	if p := decisive(r.Next.Problems); p != "" {
		return &broken{at: linkOf(codeOf(p)), code: p, ahead: true}
	}
	return nil
}

// writeNext tells what the next activation would come to.
func (r Report) writeNext(p *printer) {
	if r.Next == nil {
		return
	}
	p.line("%s: %s", aheadWords[p.lang].title, word(hitTexts[p.lang].decision, r.Next.Decision))
	for _, reason := range r.Next.Reasons {
		p.line("      %s", reason)
	}
	p.problems("  ", r.Next.Problems)
}
