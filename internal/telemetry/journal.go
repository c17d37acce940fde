package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// IsJournal says that a writer is the standard error stream and leads to systemd's
// journal, which a service is told by JOURNAL_STREAM (systemd.exec(5)).
func IsJournal(w io.Writer) bool {
	journal, err := journal.StderrIsJournalStream()
	return journal && err == nil && w == io.Writer(os.Stderr)
}

// Prioritized makes a logger whose lines begin with the priority that the journal files
// them under and takes off (sd-daemon(3)), so that journalctl -p finds them.
func Prioritized(w io.Writer, format, level string) (*slog.Logger, error) {
	to := &prioritized{w: w}
	log, err := NewLogger(to, format, level)
	if err != nil {
		return nil, err
	}
	return slog.New(prioritizing{log.Handler(), to}), nil
}

// prioritized is where the lines go, one at a time.
type prioritized struct {
	w io.Writer

	mu     sync.Mutex
	prefix string // of the line that is being written
}

// Write implements io.Writer for a handler, which writes a line at once.
func (p *prioritized) Write(line []byte) (int, error) {
	if _, err := p.w.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

type prioritizing struct {
	slog.Handler
	to *prioritized
}

// Handle implements slog.Handler.
func (h prioritizing) Handle(ctx context.Context, r slog.Record) error {
	h.to.mu.Lock()
	defer h.to.mu.Unlock()
	h.to.prefix = priority(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h prioritizing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prioritizing{h.Handler.WithAttrs(attrs), h.to}
}

// WithGroup implements slog.Handler.
func (h prioritizing) WithGroup(name string) slog.Handler {
	return prioritizing{h.Handler.WithGroup(name), h.to}
}

func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}
