package console

import (
	"context"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision/census"
)

// Statistics has the figures of the schools at hand.
type Statistics interface {
	// Last gives the last figures, without counting while the page waits.
	Last(ctx context.Context) (Figures, error)
	// History gives the days of one school in their order; of "": of all together.
	History(ctx context.Context, school person.SchoolID) ([]Day, error)
}

// Figures are the statistics as they were at a time.
type Figures struct {
	At       time.Time // zero: there are none yet
	Day      person.Date
	Lines    []census.Line // of each school, in the order of their ids
	Whole    census.Line
	Kept     bool // they are those kept of a day, which know no categories
	Counting bool // newer ones are on the way
}

// Day is what was kept of one school on one day.
type Day struct {
	Day person.Date
	census.Figures
}
