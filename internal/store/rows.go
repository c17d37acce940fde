package store

import (
	"context"

	"schoolbridge/internal/person"
)

// Put stores one row as import does.
func (r *Registry) Put(ctx context.Context, kind person.RecordKind, key string, digest []byte, value any) error {
	if s, ok := value.(person.School); ok {
		return r.db.write(ctx, func(t *tx) error { return t.putSchools([]person.School{s}, [][]byte{digest}) })
	}
	return r.apply(ctx, kind, []incoming{{key, digest, value}}, nil, person.Date{})
}

// End marks rows as gone from their registry since a day.
func (r *Registry) End(ctx context.Context, kind person.RecordKind, day person.Date, keys ...string) error {
	return r.apply(ctx, kind, nil, keys, day)
}
