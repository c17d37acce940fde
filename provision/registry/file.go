package registry

import (
	"cmp"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"schoolbridge/internal/said"
)

// File is one registry file, its header read. It is read once, from one
// goroutine.
type File struct {
	Path string
	Kind Kind
	Size int64

	spec     *spec
	header   header
	table    table
	date     dateSystem
	closers  []io.Closer
	warnings []Fault
	warned   map[string]bool
	unread   error // why a row that might have been the header could not be read
}

// Record is one good row.
type Record struct {
	Line int
	// Value is a person.School, Employment, Enrolment or Card, a LoginRow or an
	// ADRow, as the kind of the file says.
	Value any
}

// Open reads a file's header; the file's name says its kind. What is wrong with
// the file as such is a *Fault; other errors are those of the disk.
func Open(path string) (*File, error) {
	kind, ok := KindOf(filepath.Base(path))
	if !ok {
		return nil, &Fault{File: path, Reason: said.Errorf("неизвестный файл: нужны schools, kadry, kontingent, zapis, ezhd_logins или ad (.csv, .xlsx) / unknown file: schools, kadry, kontingent, zapis, ezhd_logins and ad (.csv, .xlsx) are read")}
	}
	// Asked before it is opened: opening a pipe waits for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, unopened(err)
	}
	if !info.Mode().IsRegular() {
		return nil, &Fault{File: path, Reason: said.Errorf("это не обычный файл / this is no regular file")}
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, unopened(err)
	}
	file, err := open(in, path, kind)
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	return file, nil
}

func open(in *os.File, path string, kind Kind) (*File, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, unopened(err)
	}
	f := &File{Path: path, Kind: kind, Size: info.Size(), spec: &specs[kind], closers: []io.Closer{in}, warned: map[string]bool{}}
	if strings.EqualFold(filepath.Ext(path), ".xlsx") {
		err = f.openXLSX(in)
	} else {
		err = f.openCSV(in)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range f.header.warnings(f.spec) {
		f.warnings = append(f.warnings, Fault{File: path, Line: 0, Reason: w, Warning: true})
	}
	return f, nil
}

// fault is something wrong with the whole file.
func (f *File) fault(err error) error { return &Fault{File: f.Path, Reason: err} }

// unreadable is what the disk said.
func (f *File) unreadable(err error) error {
	return said.Errorf("файл %[1]s не прочитан: %[2]w / read %[1]s: %[2]w", filepath.Base(f.Path), err)
}

func unopened(err error) error {
	return said.Errorf("файл реестра не открывается: %[1]w / open registry file: %[1]w", err)
}

// badHeader says which columns were missed.
func (f *File) badHeader(h *header) error {
	if h == nil && f.unread != nil {
		return f.fault(said.Errorf("заголовок не найден: %[1]w / no header found: %[1]w", f.unread))
	}
	if h == nil || h.width == 0 {
		return f.fault(said.Errorf("файл пуст / the file is empty"))
	}
	return f.fault(said.Errorf("в заголовке нет столбцов: %[1]s / the header lacks columns: %[1]s", list(h.missing)))
}

// findHeader looks for the header among the first rows. It stops behind it.
func (f *File) findHeader(t table) (best *header, err error) {
	for range headerRows {
		_, cells, err := t.next()
		var bad badRow
		switch {
		case errors.As(err, &bad):
			f.unread = cmp.Or(f.unread, bad.error)
			continue
		case errors.Is(err, io.EOF):
			return best, nil
		case err != nil:
			return nil, err
		}
		if h := f.spec.readHeader(cells); best == nil || h.better(best) {
			best = &h
		}
		if len(best.missing) == 0 {
			break
		}
	}
	return best, nil
}

func (f *File) openCSV(in *os.File) error {
	enc, err := detectEncoding(in)
	switch {
	case errors.Is(err, errUTF16), errors.Is(err, errBinary), errors.Is(err, errReturns):
		return f.fault(err)
	case err != nil:
		return f.unreadable(err)
	}
	var best *header
	sep := byte(',')
	for _, try := range []byte{',', ';', '\t'} {
		h, err := f.findHeader(newCSV(io.NewSectionReader(in, 0, headerRows*maxRowBytes), enc, try))
		if err != nil {
			return f.unreadable(err)
		}
		if h != nil && (best == nil || h.better(best)) {
			best, sep = h, try
		}
	}
	if best == nil || len(best.missing) > 0 {
		return f.badHeader(best)
	}
	t := newCSV(io.NewSectionReader(in, 0, f.Size), enc, sep)
	if best, err = f.findHeader(t); err != nil {
		return f.unreadable(err)
	}
	f.table, f.header = t, *best
	return nil
}

func (f *File) openXLSX(in *os.File) error {
	book, err := openWorkbook(in, f.Size)
	if err != nil {
		return f.fault(err)
	}
	var best *header
	for _, name := range book.sheets {
		t, err := book.sheet(name)
		if err != nil {
			continue // a chart has no rows
		}
		h, err := f.findHeader(t)
		if err == nil && h != nil && len(h.missing) == 0 {
			f.table, f.header, f.date = t, *h, book.date
			f.closers = append(f.closers, book)
			return nil
		}
		_ = t.close()
		if h != nil && (best == nil || h.better(best)) {
			best = h
		}
	}
	_ = book.Close()
	return f.badHeader(best)
}

// Close closes the file.
func (f *File) Close() error {
	err := f.table.close()
	for i := len(f.closers) - 1; i >= 0; i-- {
		if e := f.closers[i].Close(); err == nil {
			err = e
		}
	}
	return err
}

// Warnings are what was odd so far and is taken all the same: of the header at
// once, of rows once they are read. There are no more than a hundred.
func (f *File) Warnings() []Fault { return f.warnings }

const maxWarnings = 100

func (f *File) warn(line int, reason error) {
	if text := reason.Error(); len(f.warnings) < maxWarnings && !f.warned[text] {
		f.warned[text] = true
		f.warnings = append(f.warnings, Fault{File: f.Path, Line: line, Reason: reason, Warning: true})
	}
}

// Offset is how many of the file's Size bytes are read. A workbook jumps from
// nothing to all.
func (f *File) Offset() int64 { return f.table.offset() }

// Records reads the rows in the order of the file. With a *Fault the row is bad
// and the next follows; its Record then holds what could be read of it, if only
// its id. Any other error is the last. Names may be nil.
func (f *File) Records(names *Names) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			line, cells, err := f.table.next()
			var bad badRow
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &bad):
				if !yield(Record{Line: line}, &Fault{File: f.Path, Line: line, Reason: bad}) {
					return
				}
				continue
			case err != nil:
				yield(Record{Line: line}, f.unreadable(err))
				return
			}
			record, fault := f.record(line, cells, names)
			if fault != nil {
				err = fault
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

func (f *File) record(line int, cells []string, names *Names) (Record, *Fault) {
	r := row{cells: cells, header: &f.header, spec: f.spec, date: f.date, names: names}
	value := r.record(f.Kind)
	if reason := f.width(cells); reason != nil {
		r.reason = reason
	}
	if r.reason != nil {
		return Record{line, value}, &Fault{File: f.Path, Line: line, Reason: r.reason}
	}
	if r.notice != nil {
		f.warn(line, r.notice)
	}
	return Record{line, value}, nil
}

// width says what is wrong with the number of fields. A short row was cut off:
// an end date that is not there must not mean that somebody works on. The rows
// of a workbook end where their last cell is.
func (f *File) width(cells []string) error {
	if _, sheet := f.table.(*sheetTable); sheet {
		return nil
	}
	for len(cells) > f.header.width && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == f.header.width {
		return nil
	}
	return said.Errorf("полей %[1]d вместо %[2]d / %[1]d fields instead of %[2]d", len(cells), f.header.width)
}
