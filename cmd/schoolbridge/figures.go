package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision/census"
)

// Counted figures are shown for figuresFresh before they are counted anew, which
// takes seconds of a processor in a city; what failed is not tried again within
// figuresPause.
const (
	figuresFresh = 10 * time.Minute
	figuresPause = time.Minute
)

// figures has the statistics at hand for pages, which ask often.
//
//	Last ─┬─ counted lately ─► these
//	      └─ older ─► wake Run, which counts; meanwhile these, or those kept of the last day
type figures struct {
	db    *store.DB
	zone  *time.Location
	log   *slog.Logger
	now   func() time.Time
	asked chan struct{} // holds one

	deadlines census.Deadlines

	mu       sync.Mutex
	last     console.Figures
	board    *census.Board // of the same count as last; nil: nothing was counted yet
	counting bool
}

func newFigures(db *store.DB, zone *time.Location, deadlines census.Deadlines, log *slog.Logger, now func() time.Time) *figures {
	return &figures{db: db, zone: zone, deadlines: deadlines, log: log, now: now, asked: make(chan struct{}, 1)}
}

// Last implements console.Statistics.
func (f *figures) Last(ctx context.Context) (console.Figures, error) {
	last, _ := f.ask()
	if !last.At.IsZero() {
		return last, nil
	}
	day, lines, whole, err := f.db.Statistics().Latest(ctx)
	if err != nil || day.IsZero() {
		return last, err
	}
	return console.Figures{At: day.Time(f.zone), Day: day, Lines: lines, Whole: whole, Kept: true, Counting: last.Counting}, nil
}

// young says that what was counted last needs not be counted anew. mu is held.
func (f *figures) young() bool { return f.now().Sub(f.last.At) < figuresFresh }

// ask gives what was counted last, and has it counted anew if that is long ago.
func (f *figures) ask() (console.Figures, *census.Board) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last
	if !f.young() {
		f.counting = true
		select {
		case f.asked <- struct{}{}:
		default: // it is asked already
		}
	}
	last.Counting = f.counting
	return last, f.board
}

// Board implements console.Problems, as Rows and Advise do.
func (f *figures) Board() (b *census.Board, made time.Time, making bool) {
	last, board := f.ask()
	return board, last.At, last.Counting
}

// Rows implements console.Problems.
func (f *figures) Rows(ctx context.Context, kind person.RecordKind, keys []string) (map[string]any, error) {
	return f.db.Census().Rows(ctx, kind, keys)
}

// Advise implements console.Problems.
func (f *figures) Advise(lang web.Lang, i census.Item) console.CaseProblem {
	said, who := explain.Listed(explain.Lang(lang), i)
	return console.CaseProblem{Code: said.Code, Meaning: said.Meaning, Who: who, Remedy: explain.OnPage(explain.Lang(lang), said.Remedy)}
}

// problemLists are the lists of problems, with the way to each person's page.
type problemLists struct {
	*figures
	stories stories
}

// recordsOf are the registries in which people of a role have their records.
var recordsOf = map[person.Role]person.RecordKind{person.RoleStaff: person.RecordEmployment, person.RolePupil: person.RecordEnrolment, person.RoleParent: person.RecordCard}

// Handle implements console.Problems.
func (p problemLists) Handle(i census.Item) string {
	kind, ok := recordsOf[i.Role]
	if !ok || i.Record == "" {
		return ""
	}
	h := handle{Kind: kind, Key: person.RecordID(i.Record)}
	if kind == person.RecordCard {
		h.FIO = normalFIO(i.FIO)
	}
	return p.stories.sealed(sealedHandle, h)
}

// History implements console.Statistics.
func (f *figures) History(ctx context.Context, school person.SchoolID) ([]console.Day, error) {
	days, err := f.db.Statistics().History(ctx, school)
	list := make([]console.Day, len(days))
	for i, d := range days {
		list[i] = console.Day{Day: d.Day, Figures: d.Figures}
	}
	return list, err
}

// Run counts whenever it is asked to, until ctx ends.
func (f *figures) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.asked:
		}
		f.mu.Lock()
		young := f.young()
		f.mu.Unlock()
		if young { // somebody asked once more while it was counted
			continue
		}
		counted, board, err := f.count(ctx)
		if err != nil && ctx.Err() == nil {
			f.log.Warn("the statistics cannot be counted", "error", err)
			pause := time.NewTimer(figuresPause)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
			continue
		}
		f.mu.Lock()
		f.last, f.board, f.counting = counted, board, false
		f.mu.Unlock()
	}
}

func (f *figures) count(ctx context.Context) (console.Figures, *census.Board, error) {
	at := f.now()
	day := person.DateOf(at.In(f.zone))
	count := census.New(day)
	if err := f.db.Census().Survey(ctx, count, true, true); err != nil {
		return console.Figures{}, nil, err
	}
	lines, whole := count.Table()
	return console.Figures{At: at, Day: day, Lines: lines, Whole: whole}, count.Board(f.deadlines), nil
}
