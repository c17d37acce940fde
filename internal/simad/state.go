package simad

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// mostState is the largest state file that is read.
const mostState = 512 << 20

// state is what the state file holds.
type state struct {
	Base    string `json:"base"`
	Last    uint64 `json:"last"`
	USN     uint64 `json:"usn"`
	Objects []kept `json:"objects"` // oldest first, so that parents come before their children
}

// kept is an object in the state file. Values are octets, as JSON's texts
// cannot hold all of them.
type kept struct {
	ID       []byte              `json:"id"`
	Number   uint64              `json:"number"`
	RDN      string              `json:"rdn"`
	Parent   []byte              `json:"parent,omitempty"`
	Class    string              `json:"class"`
	Values   map[string][][]byte `json:"values,omitempty"`
	Members  [][]byte            `json:"members,omitempty"`
	Password *hash               `json:"password,omitempty"`
	Set      time.Time           `json:"set,omitzero"`
	Created  time.Time           `json:"created"`
	Changed  time.Time           `json:"changed"`
	USN      [2]uint64           `json:"usn"`
}

func keep(o *object) kept {
	k := kept{ID: o.ID[:], Number: o.Number, RDN: o.RDN, Class: o.Class, Values: map[string][][]byte{}, Password: o.Password,
		Set: o.Set, Created: o.Created, Changed: o.Changed, USN: o.USN}
	if o.Parent != nil {
		k.Parent = o.Parent[:]
	}
	for name, values := range o.Values {
		for _, v := range values {
			k.Values[name] = append(k.Values[name], []byte(v))
		}
	}
	for _, m := range o.Members {
		k.Members = append(k.Members, m[:])
	}
	return k
}

func (k kept) object() (*object, error) {
	o := &object{Number: k.Number, RDN: k.RDN, Class: k.Class, Values: map[string][]string{}, Password: k.Password,
		Set: k.Set, Created: k.Created, Changed: k.Changed, USN: k.USN}
	name, err := parseDN(k.RDN)
	if _, ok := classes[k.Class]; err != nil || len(name) == 0 || !ok || copy(o.ID[:], k.ID) != len(o.ID) {
		return nil, errors.New("an object in it is malformed")
	}
	if o.Name = name[0]; k.Parent != nil {
		o.Parent = new(guid)
		copy(o.Parent[:], k.Parent)
	}
	for name, values := range k.Values {
		for _, v := range values {
			o.Values[name] = append(o.Values[name], string(v))
		}
	}
	for _, m := range k.Members {
		var id guid
		copy(id[:], m)
		o.Members = append(o.Members, id)
	}
	return o, nil
}

// load reads the state file; false: there is none.
func (d *Directory) load() (bool, error) {
	if d.o.StateFile == "" {
		return false, nil
	}
	f, err := os.Open(d.o.StateFile)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := d.read(f); err != nil {
		return false, fmt.Errorf("read %s: %w; remove it to begin anew", d.o.StateFile, err)
	}
	return true, nil
}

func (d *Directory) read(r io.Reader) error {
	var s state
	if err := json.NewDecoder(io.LimitReader(r, mostState)).Decode(&s); err != nil {
		return err
	}
	if s.Base != d.o.Base {
		return errors.New("it holds another domain")
	}
	t := newTree(d.sameAccount, d.o.Objects)
	t.last, t.usn = s.Last, s.USN
	for _, k := range s.Objects {
		o, err := k.object()
		if err != nil {
			return err
		}
		switch {
		case o.Parent == nil && len(t.objects) > 0, o.Parent != nil && t.objects[*o.Parent] == nil:
			return errors.New("an object in it has no parent")
		case o.Parent == nil:
			t.root = o.ID
		}
		t.keep(o)
		t.names[key(t.path(o))] = o.ID
	}
	d.tree = t
	return nil
}

// save writes the state file before a change is answered, so that a kill -9
// takes back nothing that somebody was told. It is whole at any time.
func (d *Directory) save() error {
	if d.o.StateFile == "" || d.seeding {
		return nil
	}
	s := state{Base: d.o.Base, Last: d.tree.last, USN: d.tree.usn}
	for _, o := range d.tree.objects {
		s.Objects = append(s.Objects, keep(o))
	}
	// By depth first: an object may have been moved under a younger one.
	depth := func(k kept) int { return len(d.tree.path(d.tree.objects[guid(k.ID)])) }
	slices.SortFunc(s.Objects, func(a, b kept) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a.Number, b.Number))
	})
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(d.o.StateFile), ".simad-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), d.o.StateFile)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
