package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Systemd speaks the sd_notify protocol. Without systemd every method does
// nothing.
type Systemd struct {
	log *slog.Logger
}

// NewSystemd makes a notifier that logs what cannot be sent.
func NewSystemd(log *slog.Logger) *Systemd { return &Systemd{orDiscard(log)} }

func (s *Systemd) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd cannot be told", "error", err)
	}
}

// Ready tells that start-up, or a reload, is complete.
func (s *Systemd) Ready() { s.notify(daemon.SdNotifyReady) }

// Reloading tells that a reload begins; Ready ends it. With Type=notify-reload
// systemd wants the monotonic time beside it.
func (s *Systemd) Reloading() {
	s.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Stopping tells that the daemon is about to end.
func (s *Systemd) Stopping() { s.notify(daemon.SdNotifyStopping) }

// Watchdog feeds systemd's watchdog at half of its interval until ctx ends, as
// long as healthy says nil; where no watchdog is set it only waits. Give
// it a check that hangs or fails only when a restart would help.
func (s *Systemd) Watchdog(ctx context.Context, healthy Check) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd's watchdog setting cannot be read", "error", err)
	}
	if err != nil || interval <= 0 {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		if err := s.ask(ctx, healthy, interval/4); err == nil {
			s.notify(daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			s.log.Error("the watchdog is not fed", "reason", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *Systemd) ask(ctx context.Context, healthy Check, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return guarded(ctx, healthy)
}
