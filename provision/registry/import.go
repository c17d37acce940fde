package registry

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

// Options of an import. The zero value is sensible but for Today.
type Options struct {
	// Today is the day by which rows are live or ended. Required.
	Today person.Date
	// Known are the schools that the store has; names of schools are looked up
	// in them too, so that Кадры imported without schools.csv mean the same.
	Known []person.School
	// EndingShare is the part of the live rows of a registry above which an
	// import stops; 0 means 0.05. Fewer than MinEnding rows (0 means 10) never
	// stop it.
	EndingShare float64
	MinEnding   int
	// AcceptEnding lets an import go on that would end exactly so many rows.
	AcceptEnding int
	// FirstFaults is how many faults the summary keeps of a file; 0 means 100.
	FirstFaults int
	// Progress is told every thousand rows; nil for nobody.
	Progress func(Progress)
	// Now is the clock for Progress; nil means time.Now.
	Now func() time.Time
}

// ErrFileChanged says that a file was written to while it was being imported.
// Chunks before that are stored; the import can be repeated.
var ErrFileChanged = said.Errorf("файл изменился во время импорта, повторите / the file changed during the import, repeat it")

// ErrOther says that another import has begun, here or on another machine. Chunks before
// that are stored, and the other one goes by them.
var ErrOther = said.Errorf("начался другой импорт, этот остановлен: двух сразу не бывает; сделайте по расписанию один, на одной машине / another import has begun and this one was stopped: there are no two at once; have one scheduled, on one machine")

// Import reads the registry files that the paths lead to and gives records what
// is new, changed or gone. Each file is taken for a full export: stored rows
// that are in none of a kind's files are gone. The same import twice changes
// nothing. Of two at once the later one goes on: rows that one finds as they are would
// be ended by the other, whose files lack them.
//
//	pass 1   every file: rows ─► digest ─► against the stored digests: new, changed, same, ending
//	brake    too much would end ─► *EndingError, nothing written
//	pass 2   files with changes: rows ─► chunks ─► Apply; then what is gone
//
// Memory is an entry of 44 bytes for each row of files and store (some 200 with
// what the map and the collector keep spare), and three chunks.
//
// A row with a fault is left as it is stored. A file that cannot be used or has
// no good row ends nobody, and neither do the other files of its kind. An
// employment's id may come once per school: the second school's row is known
// as id|school, to people's bindings too. Any other repeated key is a fault.
func Import(ctx context.Context, records Records, paths []string, o Options) (*Summary, error) {
	if o.Today.IsZero() {
		return nil, errors.New("import registries: no day is given")
	}
	files, err := Find(paths...)
	if err != nil {
		return nil, err
	}
	r := &run{records: records, o: o.withDefaults(), today: dayNumber(o.Today), kinds: map[Kind]*known{}, seed: maphash.MakeSeed()}
	for _, path := range files {
		kind, _ := KindOf(filepath.Base(path))
		r.files = append(r.files, &FileSummary{Path: path, Kind: kind})
	}
	err = r.all(ctx)
	summary := &Summary{}
	for _, f := range r.files {
		summary.Files = append(summary.Files, *f)
	}
	if err != nil {
		return summary, said.Errorf("загрузка реестров: %[1]w / import registries: %[1]w", err)
	}
	return summary, nil
}

func (o Options) withDefaults() Options {
	if o.EndingShare == 0 {
		o.EndingShare = 0.05
	}
	if o.MinEnding == 0 {
		o.MinEnding = 10
	}
	if o.FirstFaults == 0 {
		o.FirstFaults = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// run is one import.
type run struct {
	records Records
	o       Options
	today   int
	files   []*FileSummary
	names   *Names
	kinds   map[Kind]*known
	seed    maphash.Seed
	digest  digester
	meter   meter
}

func (r *run) all(ctx context.Context) error {
	if err := r.records.Begin(ctx); err != nil {
		return err
	}
	if err := r.schools(ctx); err != nil {
		return err
	}
	for pass := checking; pass <= writing; pass++ {
		r.meter = r.newMeter(pass)
		for i, f := range r.files {
			if err := r.file(ctx, f, pass); err != nil {
				return err
			}
			if pass == writing && (i+1 == len(r.files) || r.files[i+1].Kind != f.Kind) {
				if err := r.gone(ctx, f); err != nil {
					return err
				}
			}
		}
		if pass == checking {
			if err := r.brake(); err != nil {
				return err
			}
		}
	}
	return nil
}

// schools reads the lists of schools ahead of the rest, for their names.
func (r *run) schools(ctx context.Context) error {
	var list []person.School
	for _, f := range r.files {
		if f.Kind != Schools {
			continue
		}
		file, err := Open(f.Path)
		var fault *Fault
		if errors.As(err, &fault) {
			continue // pass 1 reports it
		}
		if err != nil {
			return err
		}
		for record, err := range file.Records(nil) {
			if err == nil {
				list = append(list, record.Value.(person.School))
			} else if !errors.As(err, &fault) {
				_ = file.Close()
				return err
			}
			if err := ctx.Err(); err != nil {
				_ = file.Close()
				return err
			}
		}
		_ = file.Close()
	}
	r.names = NewNames(append(list, r.o.Known...))
	return nil
}

// file takes one file through one pass.
func (r *run) file(ctx context.Context, f *FileSummary, p pass) error {
	if f.Kind > Logins {
		f.Ignored = true
		return nil
	}
	if p == writing && !r.rewrites(f) {
		return nil
	}
	k, err := r.known(ctx, f.Kind)
	if err != nil {
		return err
	}
	file, err := Open(f.Path)
	var fault *Fault
	if errors.As(err, &fault) && p == checking {
		f.Faults, f.Ignored, k.unusable = append(f.Faults, *fault), true, true
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if p == writing {
		return r.write(ctx, f, file, k)
	}
	return r.check(ctx, f, file, k)
}

// rewrites says that pass 2 has to read a file: one of its kind has changes.
// The others are read with it, because of keys that come in several.
func (r *run) rewrites(f *FileSummary) bool {
	if f.Ignored {
		return false
	}
	for _, other := range r.files {
		if other.Kind == f.Kind && other.New+other.Changed > 0 {
			return true
		}
	}
	return false
}

// check is pass 1: it only counts.
func (r *run) check(ctx context.Context, f *FileSummary, file *File, k *known) error {
	var fault *Fault
	for record, err := range file.Records(r.names) {
		if stop := r.meter.row(ctx, file); stop != nil {
			return stop
		}
		if errors.As(err, &fault) {
			f.bad(*fault, r.o.FirstFaults)
			k.keep(record.Value)
			continue
		}
		if err != nil {
			return err
		}
		if _, e := k.take(record.Value, checking, r); e == nil {
			f.bad(Fault{File: f.Path, Line: record.Line, Reason: errRepeated}, r.o.FirstFaults)
		} else {
			f.Read++
			f.count(e.state)
		}
	}
	f.Faults = append(f.Faults, file.Warnings()...)
	k.unusable = k.unusable || f.Read == 0
	r.meter.done(file)
	return nil
}

var errRepeated = said.Errorf("запись с таким же идентификатором уже была / a record with the same id came before")

func (f *FileSummary) bad(fault Fault, keep int) {
	f.Bad++
	if f.Bad <= keep {
		f.Faults = append(f.Faults, fault)
	}
}

func (f *FileSummary) count(s state) {
	switch s {
	case fresh:
		f.New++
	case changed:
		f.Changed++
	default:
		f.Unchanged++
	}
}

// chunksAtOnce are in the store's hands while the next one is read: one is
// written and one made ready.
const chunksAtOnce = 2

// write is pass 2: it gives what pass 1 found new or changed to the store. No
// two chunks hold the same key, so their order does not matter.
func (r *run) write(ctx context.Context, f *FileSummary, file *File, k *known) (err error) {
	store, ctx := errgroup.WithContext(ctx)
	store.SetLimit(chunksAtOnce)
	defer func() {
		if failed := store.Wait(); failed != nil {
			err = failed // it is why ctx has ended
		}
	}()
	chunk := Chunk{Kind: recordKind(f.Kind), Day: r.o.Today}
	flush := func() {
		full := chunk
		store.Go(func() error { return r.records.Apply(ctx, full) })
		chunk.Rows = nil
	}
	var fault *Fault
	for record, err := range file.Records(r.names) {
		if stop := r.meter.row(ctx, file); stop != nil {
			return stop
		}
		if errors.As(err, &fault) {
			continue
		}
		if err != nil {
			return err
		}
		row, e := k.take(record.Value, writing, r)
		switch {
		case e == nil:
		case e.state == lost:
			return fmt.Errorf("%s: %w", filepath.Base(f.Path), ErrFileChanged)
		case e.state != same:
			chunk.Rows = append(chunk.Rows, row)
		}
		if len(chunk.Rows) == maxChunk {
			flush()
		}
	}
	r.meter.done(file)
	if len(chunk.Rows) > 0 {
		flush()
	}
	return nil
}

// gone tells the store of the rows that none of a kind's files has any more.
func (r *run) gone(ctx context.Context, last *FileSummary) error {
	k := r.kinds[last.Kind]
	if k == nil || k.goneRows == 0 {
		return nil
	}
	kind := recordKind(last.Kind)
	var keys []string
	err := r.records.Digests(ctx, kind, func(key string, _ []byte) error {
		if e, ok := k.rows[hashKey(key)]; ok && e.missing() {
			keys = append(keys, key)
		}
		return nil
	})
	for err == nil && len(keys) > 0 {
		n := min(len(keys), maxChunk)
		err = r.records.Apply(ctx, Chunk{Kind: kind, Gone: keys[:n:n], Day: r.o.Today})
		if err == nil {
			last.Gone += n
			keys = keys[n:]
		}
	}
	return err
}

// brake counts what would end, and stops where that is too much.
func (r *run) brake() error {
	stop := &EndingError{}
	tripped := false
	for kind := Schools; kind <= Logins; kind++ {
		k := r.kinds[kind]
		if k == nil {
			continue
		}
		vanished := k.countMissing(r.today)
		if kind != Kadry && kind != Kontingent {
			continue
		}
		end := Ending{Kind: kind, Live: k.live, Vanished: vanished, Closed: k.closed}
		if end.Total() > 0 {
			stop.Endings = append(stop.Endings, end)
		}
		if end.Total() >= r.o.MinEnding && float64(end.Total()) > r.o.EndingShare*float64(k.live) {
			tripped = true
		}
	}
	if tripped && stop.Total() != r.o.AcceptEnding {
		return stop
	}
	return nil
}

func recordKind(k Kind) person.RecordKind {
	switch k {
	case Kadry:
		return person.RecordEmployment
	case Kontingent:
		return person.RecordEnrolment
	case Zapis:
		return person.RecordCard
	case Logins:
		return person.RecordSignIns
	}
	return 0 // schools
}
