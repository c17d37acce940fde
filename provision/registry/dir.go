package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

// Folder is all that a folder of registry files holds, each list in the order
// of its file. Records are as they stand there: an id may repeat.
type Folder struct {
	Schools     []person.School
	Employments []person.Employment
	Enrolments  []person.Enrolment
	Cards       []person.Card
	Logins      []LoginRow
	AD          []ADRow
	Reading
}

// Reading is how a folder was to read.
type Reading struct {
	Faults   []Fault // warnings too; of one file no more than maxFaults
	Rows     int     // good rows
	Bad      int     // rows with a fault, those past maxFaults included
	BadFiles int     // files that could not be read at all
}

// maxFaults bounds the faults that are kept of one file: past some hundred it is
// the file that is wrong.
const maxFaults = 1000

// ReadDir reads every registry file of a folder into memory. A file that cannot
// be used is one of the faults; an error is one of the disk, or that there are
// no registry files.
func ReadDir(dir string) (*Folder, error) {
	var folder Folder
	reading, err := Walk(dir, folder.add)
	if err != nil {
		return nil, err
	}
	folder.Reading = *reading
	return &folder, nil
}

// Walk reads as ReadDir does and keeps nothing: take is given the good rows, each a
// person.School, Employment, Enrolment or Card, a LoginRow or an ADRow, those of the
// schools first.
func Walk(dir string, take func(row any)) (*Reading, error) {
	paths, err := Find(dir)
	if err != nil {
		return nil, err
	}
	var reading Reading
	var schools []person.School
	var names *Names
	for _, path := range paths {
		if kind, _ := KindOf(filepath.Base(path)); kind > Schools && names == nil {
			names = NewNames(schools)
		}
		err := reading.file(path, names, func(row any) {
			if s, ok := row.(person.School); ok {
				schools = append(schools, s)
			}
			take(row)
		})
		if err != nil {
			return nil, err
		}
	}
	return &reading, nil
}

func (d *Reading) file(path string, names *Names, take func(row any)) error {
	f, err := Open(path)
	var fault *Fault
	if errors.As(err, &fault) {
		d.Faults = append(d.Faults, *fault)
		d.BadFiles++
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	kept := 0
	for record, err := range f.Records(names) {
		if errors.As(err, &fault) {
			d.Bad++
			if kept++; kept <= maxFaults {
				d.Faults = append(d.Faults, *fault)
			}
			continue
		}
		if err != nil {
			return err
		}
		d.Rows++
		take(record.Value)
	}
	d.Faults = append(d.Faults, f.Warnings()...)
	return nil
}

func (d *Folder) add(row any) {
	switch v := row.(type) {
	case person.School:
		d.Schools = append(d.Schools, v)
	case person.Employment:
		d.Employments = append(d.Employments, v)
	case person.Enrolment:
		d.Enrolments = append(d.Enrolments, v)
	case person.Card:
		d.Cards = append(d.Cards, v)
	case LoginRow:
		d.Logins = append(d.Logins, v)
	case ADRow:
		d.AD = append(d.AD, v)
	}
}

// ErrNoFiles says that a path leads to no registry file.
var ErrNoFiles = said.Errorf("нет файлов реестров / no registry files")

// ErrNotThere says that a path leads nowhere.
var ErrNotThere = said.Errorf("такого файла или папки нет, проверьте имя / there is no such file or folder, look at the name")

func unfound(err error) error {
	return said.Errorf("поиск файлов реестров: %[1]w / find registry files: %[1]w", err)
}

// Find lists the registry files that the paths, files or folders, lead to:
// schools first, then the other kinds in order, and within a kind as given. Of
// a folder the files with the names of KindOf are taken; a file given by name
// must have one.
func Find(paths ...string) ([]string, error) {
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", path, ErrNotThere)
		}
		if err != nil {
			return nil, unfound(err)
		}
		if !info.IsDir() {
			found = append(found, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, unfound(err)
		}
		inside := 0
		for _, e := range entries {
			if _, ok := KindOf(e.Name()); ok && e.Type()&fs.ModeDir == 0 {
				found = append(found, filepath.Join(path, e.Name()))
				inside++
			}
		}
		if inside == 0 {
			return nil, fmt.Errorf("%s: %w", path, ErrNoFiles)
		}
	}
	if len(found) == 0 {
		return nil, ErrNoFiles
	}
	slices.SortStableFunc(found, func(a, b string) int {
		ka, _ := KindOf(filepath.Base(a))
		kb, _ := KindOf(filepath.Base(b))
		return int(ka) - int(kb)
	})
	return found, nil
}
