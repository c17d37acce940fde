package ldapsrv

import (
	"sync"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/filter"
)

// work is the memory of one search or comparison. Sessions borrow it, so that a
// silent connection holds none, and a busy server makes none.
type work struct {
	filter      filter.Filter
	scratch     filter.Values
	cover       []filter.Assertion
	people      []*directory.Entry
	groups      []*directory.Group
	memberships []*directory.Group // of one person
	run         run
}

var works = sync.Pool{New: func() any { return new(work) }}

// forget gives back what a request borrowed, without what it left behind.
func (x *session) forget() {
	w := x.work
	x.work = nil
	w.filter.Forget()
	w.scratch.Forget()
	w.memberships = emptied(w.run.view.groups)
	w.people, w.groups = emptied(w.people), emptied(w.groups)
	clear(w.cover)
	w.cover, w.run = w.cover[:0], run{}
	works.Put(w)
}

// emptied keeps a slice's memory, unless it is much.
func emptied[T any](list []*T) []*T {
	if cap(list) > 1024 {
		return nil
	}
	clear(list)
	return list[:0]
}
