package directory

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"schoolbridge/internal/person"
)

// Snapshot is where a Directory keeps a sealed copy of itself, so that a start reads
// a file and the feed after it instead of everybody from the store. The feed says
// whether it may: a copy of another store, of one whose history a failover took
// back, or one older than the feed is not gone on from.
type Snapshot struct {
	Path string
	// Program is the version of the program: another one may make other entries of
	// the same rows, so it reads everybody.
	Program string
	Sealer  Sealer
	Every   time.Duration // how old it may get where something has changed; zero: 1 h
	Changes uint64        // after how many rows of the feed it is written anew; zero: 25,000
}

// Sealer encrypts and authenticates (AEAD); what it sealed opens in the same place
// only. The store's keyset does.
type Sealer interface {
	Seal(place string, plain []byte) ([]byte, error)
	Open(place string, sealed []byte) ([]byte, error)
}

func (s *Snapshot) withDefaults() *Snapshot {
	if s == nil {
		return nil
	}
	full := *s
	if full.Every <= 0 {
		full.Every = time.Hour
	}
	if full.Changes == 0 {
		full.Changes = 25_000
	}
	return &full
}

// The file: magic, 16 random bytes, then frames, each with its length in 4 bytes,
// big-endian, and sealed for its place in this file. The first holds a label, then
// come entries, and an empty one ends it: nothing can be cut off, moved or put
// together from two files.
const (
	snapshotMagic = "schoolbridge directory 1\n"
	frameSize     = 256 << 10 // of entries, before the one that goes beyond it
	frameMost     = 64 << 20  // a label holds all schools
)

// label is the first frame.
type label struct {
	Program string
	At      Position
	Schools []person.School
	People  int
}

func framePlace(id []byte, n int) string { return fmt.Sprintf("%x/%d", id, n) }

// state is what one moment of a Directory is made of.
type state struct {
	at      Position
	schools []person.School
	people  []block
	n       int
}

// capture is for whoever owns pos.
func (d *Directory) capture() state {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return state{d.pos, d.now.schools.sorted, d.now.order.snapshot(), d.now.order.n}
}

// write puts the file in the place of the one before, when it is whole and on the disk.
func (s *Snapshot) write(ctx context.Context, now state) error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	s.sweep()
	f, err := os.CreateTemp(filepath.Dir(s.Path), filepath.Base(s.Path)+partSuffix) // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after the rename
	defer func() { _ = f.Close() }()
	w := &frameWriter{to: bufio.NewWriterSize(f, 1<<20), sealer: s.Sealer}
	if err := w.begin(label{s.Program, now.at, now.schools, now.n}); err != nil {
		return err
	}
	for _, b := range now.people {
		for _, e := range b.list {
			if err := w.add(e); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := errors.Join(w.end(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.Path)
}

const partSuffix = ".*.part"

// sweep takes away what processes that were killed left half-written; a replica
// beside this one may be writing.
func (s *Snapshot) sweep() {
	left, _ := filepath.Glob(s.Path + partSuffix) // the pattern is ours
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(path)
		}
	}
}

type frameWriter struct {
	to     *bufio.Writer
	sealer Sealer
	id     [16]byte
	n      int
	buffer []byte
}

func (w *frameWriter) begin(l label) error {
	_, _ = rand.Read(w.id[:]) // never fails
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, _ = w.to.WriteString(snapshotMagic) // Flush tells
	_, _ = w.to.Write(w.id[:])
	return w.frame(text)
}

func (w *frameWriter) frame(plain []byte) error {
	sealed, err := w.sealer.Seal(framePlace(w.id[:], w.n), plain)
	if err != nil {
		return err
	}
	w.n++
	if _, err = w.to.Write(binary.BigEndian.AppendUint32(nil, uint32(len(sealed)))); err == nil {
		_, err = w.to.Write(sealed)
	}
	return err
}

func (w *frameWriter) add(e *Entry) error {
	if w.buffer = appendEntry(w.buffer, e); len(w.buffer) < frameSize {
		return nil
	}
	return w.cut()
}

func (w *frameWriter) cut() error {
	err := w.frame(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

func (w *frameWriter) end() error {
	var err error
	if len(w.buffer) > 0 {
		err = w.cut()
	}
	return errors.Join(err, w.frame(nil), w.to.Flush())
}

// errOther says that a snapshot is none to go on from, and nothing is wrong.
var errOther = errors.New("the snapshot is of another program")

// read gives what write wrote; fs.ErrNotExist where there is nothing. Before the
// work it asks whether the position will do.
func (s *Snapshot) read(ctx context.Context, fits func(Position) error) (label, []*Entry, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return label{}, nil, err
	}
	defer func() { _ = f.Close() }()
	r := &frameReader{from: bufio.NewReaderSize(f, 1<<20), sealer: s.Sealer}
	l, err := r.begin()
	switch {
	case err != nil:
		return l, nil, err
	case l.Program != s.Program:
		return l, nil, errOther
	}
	if err := fits(l.At); err != nil {
		return l, nil, err
	}
	frames, failed := make(chan []byte, 4), make(chan error, 1)
	go func() { // opening and decoding share the cores
		defer close(frames)
		failed <- r.each(ctx, frames)
	}()
	entries, d := make([]*Entry, 0, max(0, min(l.People, 1<<26))), &decoder{shared: map[string]string{}}
	for plain := range frames {
		for d.left = plain; len(d.left) > 0; {
			entries = append(entries, d.entry())
		}
	}
	if err := <-failed; err != nil {
		return l, nil, err
	}
	if d.err != nil || len(entries) != l.People {
		return l, nil, errCodec
	}
	return l, entries, nil
}

type frameReader struct {
	from   io.Reader
	sealer Sealer
	id     [16]byte
	n      int
}

func (r *frameReader) begin() (l label, err error) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r.from, magic); err != nil || string(magic) != snapshotMagic {
		return l, errCodec
	}
	if _, err := io.ReadFull(r.from, r.id[:]); err != nil {
		return l, errCodec
	}
	text, err := r.frame()
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(text, &l)
}

func (r *frameReader) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r.from, size[:]); err != nil {
		return nil, errCodec
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > frameMost {
		return nil, errCodec
	}
	var sealed bytes.Buffer // a length that is a lie takes no memory
	if _, err := io.CopyN(&sealed, r.from, int64(n)); err != nil {
		return nil, errCodec
	}
	plain, err := r.sealer.Open(framePlace(r.id[:], r.n), sealed.Bytes())
	r.n++
	return plain, err
}

// each gives the frames up to the empty one.
func (r *frameReader) each(ctx context.Context, to chan<- []byte) error {
	for {
		plain, err := r.frame()
		if err != nil || len(plain) == 0 {
			return err
		}
		select {
		case to <- plain:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// resume begins with the snapshot and what the feed has after it. What is in force
// is as of the feed's end: nobody meets what was so when the snapshot was written.
func (d *Directory) resume(ctx context.Context) error {
	l, entries, err := d.opt.Snapshot.read(ctx, func(at Position) error {
		_, err := d.src.Rows(ctx, at, 1)
		return err
	})
	if err != nil {
		return err
	}
	m, at := build(l.Schools, entries), l.At
	for {
		list, next, err := d.src.Since(ctx, at)
		if err != nil {
			return err
		}
		for _, c := range list {
			m.apply(c, Stamp{next.Seq, d.opt.Now()})
		}
		if next == at {
			break
		}
		at = next
	}
	m.order.seal()
	m.changes.seal()
	if err := d.put(ctx, m, at); err != nil {
		return err
	}
	d.kept, d.keptAt = l.At.Seq, d.opt.Now()
	d.opt.Logger.Info("directory: going on from the snapshot", "rows_after", at.Seq-l.At.Seq)
	return nil
}

// fill is the first load, from the snapshot where it can, or one anew.
func (d *Directory) fill(ctx context.Context) error {
	if d.opt.Snapshot != nil && d.LastContact().IsZero() {
		switch err := d.resume(ctx); {
		case err == nil:
			return nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errOther), errors.Is(err, ErrHistory):
		default:
			d.opt.Logger.Warn("directory: no going on from the snapshot; reading everybody from the store", "error", err)
		}
	}
	err := d.Load(ctx)
	if err == nil {
		d.metrics.reloads.Inc()
	}
	return err
}

// keepSnapshot writes the snapshot where it is due, beside everything else.
func (d *Directory) keepSnapshot(ctx context.Context) {
	s := d.opt.Snapshot
	if s == nil || d.pos.Seq == d.kept || !d.writing.CompareAndSwap(false, true) {
		return
	}
	now := d.opt.Now()
	if d.kept != 0 && d.pos.Seq-d.kept < s.Changes && now.Sub(d.keptAt) < s.Every {
		d.writing.Store(false)
		return
	}
	taken := d.capture()
	d.kept, d.keptAt = taken.at.Seq, now
	d.writers.Go(func() {
		defer d.writing.Store(false)
		err := s.write(ctx, taken)
		if err != nil && ctx.Err() == nil {
			d.opt.Logger.Warn("directory: no snapshot of it; a start will read everybody from the store", "error", err)
		}
	})
}
