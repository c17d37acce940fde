package main

import (
	"context"
	"fmt"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// whole gives the numbers of questions with their ends, as decide takes them; of one
// that is gone meanwhile, its beginning stays.
func (q *queueDesk) whole(ctx context.Context, stems []string) (ids []string) {
	for _, stem := range stems {
		if other, err := q.db.Queue().Item(ctx, stem); err == nil {
			stem = other.ID
		}
		ids = append(ids, stem)
	}
	return ids
}

// heading is what a column of the evidence is called on a screen.
func (q *queueDesk) heading(item *queue.Item, source string) string {
	if number, ok := strings.CutPrefix(source, sourceLetter); ok {
		return fmt.Sprintf(q.says.letter, number)
	}
	if home := profileHome(item); home != "" && source == sourceProfile {
		return home
	}
	return source
}

// profileHome names the system beside mos.ru that checks the password of the person in
// question; "" is mos.ru.
func profileHome(item *queue.Item) string {
	if item.Profile == nil {
		return ""
	}
	return item.Profile.Subject.Upstream()
}

// advice says a problem of a question in words, for whoever may answer it, and who
// repairs it. Of somebody who can be moved it is the curator, here and now: the list
// of problems sends the person to the curator.
func (q *queueDesk) advice(item *queue.Item, p match.Problem) (said explain.Problem, who string) {
	lang := explain.Lang(q.lang)
	said, who = explain.ProblemAt(lang, profileHome(item), p), explain.Repairer(lang, p.Code)
	if p.Code == match.MultipleMosruAccounts && item.Fits(queue.Transfer) && item.Holder != nil && item.Holder.Bar == nil {
		said.Remedy, who = q.says.moverHow, q.says.mover
	}
	return said, who
}
