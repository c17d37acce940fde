package sqlite

import "schoolbridge/internal/store"

// Among opens the database as Open does, without looking into it.
func Among(path string) (store.Driver, error) { return open(path, among) }
