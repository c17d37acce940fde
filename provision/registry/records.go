package registry

import (
	"context"

	"schoolbridge/internal/person"
)

// Row is one record of a registry with what the import knows it by.
type Row struct {
	// Key is stable within the registry. For a school it is its ЕКИС id, for
	// an employment or enrolment its id, for a card the child, "|" and the
	// parent's ФИО in normal form.
	Key string
	// Digest changes when any field of the row does. It also holds the day on
	// which the row ends, so that an import can tell what it would end without
	// reading the stored rows. To everybody else it is opaque.
	Digest []byte
	// Record is a person.School, Employment, Enrolment or Card.
	Record any
}

// Chunk is what one call of Apply stores: rows of one registry.
type Chunk struct {
	Kind person.RecordKind // zero: schools
	Rows []Row             // new or changed
	Gone []string          // keys of rows that left the registry
	Day  person.Date       // the first day on which they are gone
}

// Records is where an import puts what it read.
type Records interface {
	// Begin makes this import the only one: what an earlier one still gives to Apply is
	// refused with ErrOther. It comes before anything is read, so that no import goes by
	// what another one is changing.
	Begin(ctx context.Context) error
	// Digests calls f for every stored row of the kind (zero: schools) that is
	// not gone, with the key and the digest that Apply was given.
	Digests(ctx context.Context, kind person.RecordKind, f func(key string, digest []byte) error) error
	// Apply stores one chunk in one transaction. A row whose key is there
	// replaces it; a row that was gone is back. It is safe to repeat, and to
	// call at the same time for other keys.
	Apply(ctx context.Context, chunk Chunk) error
}

// maxChunk bounds the rows and keys of a chunk: enough to make a transaction
// worth its cost, little enough that a daemon beside the import waits no longer
// than a fraction of a second for its turn to write.
const maxChunk = 8000
