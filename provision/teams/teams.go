// Package teams writes the files of School Data Sync (CSV format 2.1), by which
// Microsoft 365 learns who is at which school in Teams: those who have an account
// and a Teams login that was seen in Active Directory.
//
//	people, by id ─► Build ─► DIR's new one ─► Check (a reader of its own) ─► Compare with DIR ─► brake ─► Swap
//
// The set is always complete: a file that is missing, or a record in it, counts
// there as gone. So a new set takes the old one's place as a whole or not at all:
// it is written beside it, read back, and exchanged in one step. Whatever happens
// before leaves the old set as it is.
//
// Records are in the order of their ids, those of people in the order of the
// people's, so equal people give equal files. Ids are the store's and never change:
// of a user the person's id, of an organisation the ЕКИС id. No password, phone,
// e-mail or birth date is exported.
//
// Start reading at Export.
package teams

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

// Person is somebody with a Teams login.
type Person struct {
	ID          identity.PersonID
	UPN         string
	Last, First string
	Places      []Place // of today, staff first
}

// Place is where somebody works or studies.
type Place struct {
	Role     person.Role // staff or pupil
	School   person.SchoolID
	Class    string // of a pupil
	Position string // of staff
}

// Source gives who is to be exported.
type Source interface {
	// People gives everybody in the order of their ids, and before them the
	// schools that are known, all of one moment.
	People(ctx context.Context, today person.Date, school func(person.School) error, each func(Person) error) error
}

// Options of an export.
type Options struct {
	Today   person.Date
	Classes bool // classes and who learns in them, too
	// RemovalShare of a file's records may be gone, RemovalMinimum always: of a small
	// set a share says nothing.
	RemovalShare   float64
	RemovalMinimum int
	// AcceptRemovals lets so many records of a file be gone, because somebody said so.
	AcceptRemovals int
}

// MaxRemovals stops an export that would take so many records out of a file,
// whatever share of it they are: deletions in such a number stop Entra Connect too,
// and are most often a registry's fault.
const MaxRemovals = 500

// allowed is how many of so many records of a file may be gone without consent.
func (o *Options) allowed(records int) int {
	return min(max(o.RemovalMinimum, int(o.RemovalShare*float64(records))), MaxRemovals-1)
}

// RemovalsError says that the brake stopped an export; the old set stands.
type RemovalsError struct {
	File     string // the one that would lose most
	Removals int
	Records  int // there were in it
}

// Error says what to do.
func (e *RemovalsError) Error() string { return e.Unwrap().Error() }

// Unwrap gives the same in each language.
func (e *RemovalsError) Unwrap() error {
	return said.Errorf("выгрузка остановлена, прежние файлы на месте: из %[1]s исчезло бы %[2]d записей из %[3]d; проверьте реестры и, если всё верно, повторите с --accept-removals %[2]d / "+
		"export stopped, the old files stand: %[2]d records of %[3]d in %[1]s would be gone; look at the registries and, if that is right, repeat with --accept-removals %[2]d", e.File, e.Removals, e.Records)
}

// Result is what an export came to. With a RemovalsError it tells what would have
// changed.
type Result struct {
	Files []Change
	// Skipped are people whose Teams login another one has too, by id.
	Skipped []identity.PersonID
}

// brake gives the file that would lose most of those that would lose too many
// records, or nil.
func (r *Result) brake(o *Options) *RemovalsError {
	var stop *RemovalsError
	for _, f := range r.Files {
		gone, records := f.Removed.Count, f.Records-f.Added.Count+f.Removed.Count
		if gone > max(o.allowed(records), o.AcceptRemovals) && (stop == nil || gone > stop.Removals) {
			stop = &RemovalsError{f.File, gone, records}
		}
	}
	return stop
}

// Export brings the files of a folder up to date. The folder is made where there
// is none; one that holds other files is refused, since they would be gone, and so
// is one into which another export is running.
func Export(ctx context.Context, dir string, from Source, o Options) (*Result, error) {
	dir, err := resolve(dir)
	if err != nil {
		return nil, fmt.Errorf("export to Teams: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("export to Teams: %w", err)
	}
	defer unlock()
	result, err := export(ctx, dir, from, o)
	if err != nil {
		return result, fmt.Errorf("export to Teams: %w", err)
	}
	return result, nil
}

func export(ctx context.Context, dir string, from Source, o Options) (*Result, error) {
	if err := recoverSet(dir); err != nil {
		return nil, err
	}
	if err := ours(dir); err != nil {
		return nil, err
	}
	fresh := dir + freshSuffix
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(fresh) }() // after Swap it is the old set; what stays goes with the next export
	skipped, err := Build(ctx, fresh, from, o)
	if err != nil {
		return nil, err
	}
	if err := Check(fresh); err != nil {
		return nil, fmt.Errorf("the new files are faulty, the old ones stand: %w", err)
	}
	changes, err := Compare(dir, fresh)
	if err != nil {
		return nil, said.Errorf("прежние файлы не читаются, уберите их из папки: %[1]w / the old files cannot be read, move them away: %[1]w", err)
	}
	result := &Result{Files: changes, Skipped: skipped}
	if stop := result.brake(&o); stop != nil {
		return result, stop
	}
	if err := ctx.Err(); err != nil {
		return result, err
	}
	return result, Swap(fresh, dir)
}

// Folders of such names are cleared away: nobody else makes any.
const (
	freshSuffix = ".schoolbridge-new"
	oldSuffix   = ".schoolbridge-old" // where the two cannot be exchanged in one step
)

// resolve gives the folder itself where a link leads to it.
func resolve(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, os.ErrNotExist) {
		return dir, nil
	}
	return real, err
}

// recoverSet clears away what an export left that was killed.
func recoverSet(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.Rename(dir+oldSuffix, dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return errors.Join(os.RemoveAll(dir+freshSuffix), os.RemoveAll(dir+oldSuffix))
}

// ours refuses a folder with something else in it.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if specOf(e.Name()) == nil {
			return said.Errorf("в папке %[1]s есть посторонний файл %[2]q, он бы пропал; укажите отдельную папку / the folder %[1]s holds the file %[2]q, which would be gone; name a folder of its own", dir, e.Name())
		}
	}
	return nil
}

// Records is how many a file has now.
func (r *Result) Records(file string) int {
	for _, f := range r.Files {
		if f.File == file {
			return f.Records
		}
	}
	return 0
}
