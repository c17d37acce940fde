package teams

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Change is what becomes other in one file.
type Change struct {
	File    string `json:"file"`
	Records int    `json:"records"` // in the new one
	Added   IDs    `json:"added"`
	Changed IDs    `json:"changed"`
	Removed IDs    `json:"removed"`
}

// IDs are records by their ids: how many, and the first of them.
type IDs struct {
	Count int      `json:"count"`
	First []string `json:"first"` // MaxIDs at most
}

// MaxIDs bounds the ids that are told of each kind of change.
const MaxIDs = 100

func (i *IDs) add(id []string) {
	if i.Count++; len(i.First) < MaxIDs {
		i.First = append(i.First, strings.Join(id, " "))
	}
}

// Compare holds a set against the one before, in the order of the format's files.
// A file that is not there is empty.
func Compare(before, after string) ([]Change, error) {
	var list []Change
	for _, s := range specs {
		c, err := s.compare(before, after)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// stand is a record of the new file.
type stand struct {
	content digest
	old     bool // the old file has it too
}

func (s *spec) compare(before, after string) (Change, error) {
	c := Change{File: s.name, Added: IDs{First: []string{}}, Changed: IDs{First: []string{}}, Removed: IDs{First: []string{}}}
	key := s.at(s.key)
	now := map[digest]stand{}
	for r, err := range records(filepath.Join(after, s.name), s.columns) {
		if err != nil {
			return c, err
		}
		now[digestOf(pick(r.values, key)...)] = stand{content: digestOf(r.values...)}
		c.Records++
	}
	for r, err := range records(filepath.Join(before, s.name), s.columns) {
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return c, err
		}
		id := pick(r.values, key)
		is, ok := now[digestOf(id...)]
		switch {
		case !ok:
			c.Removed.add(id)
			continue
		case is.content != digestOf(r.values...):
			c.Changed.add(id)
		}
		is.old = true
		now[digestOf(id...)] = is
	}
	for r, err := range records(filepath.Join(after, s.name), s.columns) {
		if err != nil {
			return c, err
		}
		if id := pick(r.values, key); !now[digestOf(id...)].old {
			c.Added.add(id)
		}
	}
	return c, nil
}
