package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/term"

	"schoolbridge/internal/table"
)

// output is where a list goes: standard output, or a file that appears when it is
// whole and that nobody else may read.
type output struct {
	io.Writer
	buffer *bufio.Writer
	file   *os.File
	path   string
	width  int // letters of a line, 0: no matter
}

// Width is that of the screen that the list goes to; see table.Width.
func (o *output) Width() int { return o.width }

func openOutput(std streams, path string) (*output, error) {
	o := &output{path: path}
	to := std.out
	if path == "" {
		o.width = table.Width(std.out)
	}
	if path != "" {
		var err error
		// CreateTemp makes it 0600.
		if o.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"); err != nil {
			return nil, err
		}
		to = o.file
	}
	o.buffer = bufio.NewWriterSize(to, 64<<10)
	o.Writer = o.buffer
	return o, nil
}

// noScreen refuses to write a workbook on somebody's screen.
func noScreen(std streams, format, lang string) error {
	if f, ok := std.out.(*os.File); ok && format == "xlsx" && term.IsTerminal(int(f.Fd())) {
		return usageError("%s", nextStepTexts[lang].screen)
	}
	return nil
}

// finish puts the file in its place unless err tells that it is not whole.
func (o *output) finish(err error) error {
	if err == nil {
		err = o.buffer.Flush()
	}
	if o.file == nil {
		return err
	}
	if err == nil {
		err = o.file.Sync()
	}
	err = errors.Join(err, o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		_ = os.Remove(o.file.Name()) // err says what went wrong
	}
	return err
}

// listFormats are those of problems and stats.
func listFormat(format string) bool {
	return format == "json" || slices.Contains(table.Formats, format)
}

// array writes a JSON list item by item.
type array struct {
	to    io.Writer
	began bool
}

func (a *array) item(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	before := ",\n  "
	if !a.began {
		before, a.began = "[\n  ", true
	}
	_, err = fmt.Fprintf(a.to, "%s%s", before, text)
	return err
}

func (a *array) end() error {
	if !a.began {
		_, err := fmt.Fprintln(a.to, "[]")
		return err
	}
	_, err := fmt.Fprintln(a.to, "\n]")
	return err
}
