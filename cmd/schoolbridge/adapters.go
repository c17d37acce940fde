package main

import (
	"context"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// storedSchools gives the schools that the store has, so that an export which
// names them means the same without schools.csv.
func storedSchools(ctx context.Context, db *store.DB) ([]person.School, error) {
	return db.Directory().Schools(ctx)
}
