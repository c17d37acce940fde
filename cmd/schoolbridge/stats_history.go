package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision/census"
)

// snapshot writes the figures of a day and says of how many schools; it replaces
// those that are there only when told to.
func snapshot(ctx context.Context, db *store.DB, day person.Date, replace bool) (schools int, err error) {
	if !replace {
		if taken, err := db.Statistics().Taken(ctx, day); err != nil || taken {
			return 0, err
		}
	}
	count := census.New(day)
	if err := db.Census().Survey(ctx, count, false, false); err != nil {
		return 0, err
	}
	lines, whole := count.Table()
	return len(lines), db.Statistics().Keep(ctx, day, lines, whole.Figures, replace)
}

// keepStatistics writes a day's figures unless that is the day for which they are
// kept already, and gives the day for which they are now.
func (d *daemon) keepStatistics(ctx context.Context, day, kept person.Date) person.Date {
	if day == kept {
		return kept
	}
	if _, err := snapshot(ctx, d.db, day, false); err != nil {
		if ctx.Err() == nil {
			d.log.Warn("the day's statistics are not kept; trying again", "error", err, "in", calendarDelay)
		}
		return kept
	}
	return day
}

// trend is how many were activated a day since the day before in the list; false
// for the first.
func trend(days []store.Day, i int) (float64, bool) {
	if i == 0 {
		return 0, false
	}
	past := days[i].Day.Time(time.UTC).Sub(days[i-1].Day.Time(time.UTC)).Hours() / 24
	return math.Round(10*float64(days[i].Activated-days[i-1].Activated)/past) / 10, true
}

// writeHistory gives the days of one school, or of all together, in their order,
// so that a curve can be drawn.
func (s *statistics) writeHistory(ctx context.Context, std streams) error {
	school := person.School{ID: person.SchoolID(s.school), Name: s.words.all}
	if s.school != "" {
		all, err := s.db.Directory().Schools(ctx)
		if err != nil {
			return err
		}
		school.Name = ""
		if i := slices.IndexFunc(all, func(o person.School) bool { return o.ID == school.ID }); i >= 0 {
			school = all[i]
		}
	}
	days, err := s.db.Statistics().History(ctx, school.ID)
	if err != nil {
		return err
	}
	if len(days) == 0 && school.Name == "" {
		return usageError(s.words.noSchool, s.school)
	}
	if len(days) == 0 {
		fmt.Fprintln(std.err, s.words.noHistory)
	}
	out, err := openOutput(std, s.out)
	if err != nil {
		return err
	}
	return out.finish(s.writeDays(out, school, days))
}

func (s *statistics) writeDays(out *output, school person.School, days []store.Day) error {
	if s.format == "json" {
		list := &array{to: out}
		for i, d := range days {
			o := objectOf(census.Line{School: school, Figures: d.Figures})
			o.Day = d.Day.String()
			if change, ok := trend(days, i); ok {
				o.Trend = &change
			}
			if err := list.item(o); err != nil {
				return err
			}
		}
		return list.end()
	}
	rows, err := table.New(out, s.format, s.words.title, slices.Concat([]string{s.words.day}, s.head(), []string{s.words.trend}))
	if err != nil {
		return err
	}
	for i, d := range days {
		cells := slices.Concat([]any{d.Day.String()}, census.Line{School: school, Figures: d.Figures}.Cells())
		if change, ok := trend(days, i); ok {
			cells = append(cells, change)
		} else {
			cells = append(cells, "")
		}
		if err := rows.Row(cells...); err != nil {
			return err
		}
	}
	return rows.Close()
}
