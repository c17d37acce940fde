package store

import (
	"context"
	"database/sql"
	"fmt"

	"schoolbridge/internal/person"
	"schoolbridge/provision/census"
)

// Statistics keeps the figures of each day. They name nobody and stay.
type Statistics struct{ db *DB }

// Statistics gives the figures.
func (db *DB) Statistics() *Statistics { return &Statistics{db} }

// Day is the figures of one school on one day; no school: of all together.
// Categories are not kept.
type Day struct {
	Day    person.Date
	School person.SchoolID
	census.Figures
}

// Taken says whether a day has its figures.
func (s *Statistics) Taken(ctx context.Context, day person.Date) (taken bool, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		taken, err = t.statisticsTaken(day)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for the day's statistics: %w", err)
	}
	return taken, nil
}

func (t *tx) statisticsTaken(day person.Date) (bool, error) {
	var n int
	err := t.row("SELECT COUNT(*) FROM statistics WHERE school = '' AND day = ?", day.String()).Scan(&n)
	return n > 0, err
}

// Keep writes a day's figures, all in one transaction. A day that has them keeps
// those unless they are to be replaced: every replica may take them.
func (s *Statistics) Keep(ctx context.Context, day person.Date, schools []census.Line, whole census.Figures, replace bool) error {
	err := s.db.write(ctx, func(t *tx) error {
		if taken, err := t.statisticsTaken(day); err != nil || taken && !replace {
			return err
		}
		for _, l := range append([]census.Line{{Figures: whole}}, schools...) {
			err := t.exec(`INSERT INTO statistics (school, day, accounts, activated, failed, only_here, sign_ins) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (school, day) DO UPDATE SET accounts = excluded.accounts, activated = excluded.activated, failed = excluded.failed,
				only_here = excluded.only_here, sign_ins = excluded.sign_ins`,
				string(l.School.ID), day.String(), l.Accounts, l.Activated, l.Failed, l.Only, l.SignIns)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the day's statistics: %w", err)
	}
	return nil
}

// Latest gives the last day that has figures, of all together and of each school
// that is in the list of schools, in their order; no day: there is none yet.
func (s *Statistics) Latest(ctx context.Context) (day person.Date, lines []census.Line, whole census.Line, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		day, lines, whole = person.Date{}, nil, census.Line{}
		var last sql.NullString
		if err := t.row("SELECT MAX(day) FROM statistics WHERE school = ''").Scan(&last); err != nil || !last.Valid {
			return err
		}
		if day, err = person.ParseDate(last.String); err != nil {
			return err
		}
		schools, err := t.allSchools()
		if err != nil {
			return err
		}
		figures := map[person.SchoolID]census.Figures{} // a new school has none yet
		err = t.each(`SELECT school, accounts, activated, failed, only_here, sign_ins FROM statistics WHERE day = ? AND school IN (SELECT key FROM schools UNION ALL SELECT '')`,
			[]any{last.String}, func(scan func(...any) error) error {
				var school person.SchoolID
				var f census.Figures
				err := scan(&school, &f.Accounts, &f.Activated, &f.Failed, &f.Only, &f.SignIns)
				figures[school] = f
				return err
			})
		if err != nil {
			return err
		}
		whole = census.Line{Figures: figures[""]}
		for _, school := range schools {
			lines = append(lines, census.Line{School: school, Figures: figures[school.ID]})
		}
		return nil
	})
	if err != nil {
		return day, nil, whole, fmt.Errorf("read the last statistics: %w", err)
	}
	census.Sort(lines, "id")
	return day, lines, whole, nil
}

// History gives the days of one school in their order; of "": of all together.
func (s *Statistics) History(ctx context.Context, school person.SchoolID) ([]Day, error) {
	var days []Day
	err := s.db.read(ctx, func(t *tx) error {
		days = nil
		return t.each("SELECT day, accounts, activated, failed, only_here, sign_ins FROM statistics WHERE school = ? ORDER BY day", []any{string(school)},
			func(scan func(...any) error) error {
				d := Day{School: school}
				var day string
				err := scan(&day, &d.Accounts, &d.Activated, &d.Failed, &d.Only, &d.SignIns)
				if err == nil {
					d.Day, err = person.ParseDate(day)
				}
				days = append(days, d)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return days, nil
}
