// Package telemetry is how the daemon tells what it does: structured logs,
// metrics, health, systemd notices, and the writer that brings the audit trail
// to the store without holding a sign-in up.
//
// It decides nothing about people and knows no store: what it needs is handed
// in as a function or a one-method interface. Passwords cannot be logged
// because identity.Password prints as a placeholder everywhere; that logs hold
// person ids and no names is the duty of those who log.
//
// Start reading at Trail for the audit, Health for the checks.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger makes a logger; format is "json" or "text", level one of "debug",
// "info", "warn" and "error".
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: %w", level, err)
	}
	options := &slog.HandlerOptions{Level: l, ReplaceAttr: readable}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: json or text", format)
}

// readable writes a time span as people do, 12s: JSON would have nanoseconds without a unit.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
