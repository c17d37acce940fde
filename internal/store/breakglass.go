package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
)

// BreakGlass keeps the one account that opens the console while mos.ru is away.
type BreakGlass struct{ db *DB }

// BreakGlass gives the break-glass account.
func (db *DB) BreakGlass() *BreakGlass { return &BreakGlass{db} }

// BreakGlassRow is the account; sealed at rest.
type BreakGlassRow struct {
	Hash string // of the password: argon2id, a PHC string
	Made time.Time
	By   string    // who made the password
	Used time.Time // when it was used last; zero: never
	From string    // from which address
	Uses int
	// Wrong tries: from when on they are counted, how many since, and how many of
	// them have no line in the audit trail.
	Since  time.Time
	Wrong  int
	Untold int
}

// Kinds of lines in the audit trail.
const (
	AuditGlassMade  = "break_glass_made"
	AuditGlassUsed  = "break_glass_used"
	AuditGlassWrong = "break_glass_wrong"
)

// A guesser fills the audit trail with GlassLines lines in GlassSpan at most; the next
// line after that tells how many tries have none.
const (
	GlassLines = 20
	GlassSpan  = time.Hour
)

// Find gives the account; identity.ErrNotFound where none was made.
func (b *BreakGlass) Find(ctx context.Context) (row BreakGlassRow, err error) {
	err = b.db.read(ctx, func(t *tx) error {
		row, err = t.breakGlass()
		return err
	})
	if err != nil {
		return BreakGlassRow{}, fmt.Errorf("read the break-glass account: %w", err)
	}
	return row, nil
}

func (t *tx) breakGlass() (row BreakGlassRow, err error) {
	var sealed []byte
	if err := notFound(t.row("SELECT sealed FROM break_glass WHERE id = 1").Scan(&sealed)); err != nil {
		return row, err
	}
	return row, t.db.keys.openJSON("break_glass", "1", "sealed", sealed, &row)
}

func (t *tx) putBreakGlass(row BreakGlassRow) error {
	sealed, err := t.db.keys.sealJSON("break_glass", "1", "sealed", row)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO break_glass (id, sealed) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed", sealed)
}

// Make gives the account another password. line is added to what the audit trail
// says, here and below.
func (b *BreakGlass) Make(ctx context.Context, hash, by string, now time.Time, line map[string]any) error {
	err := b.db.write(ctx, func(t *tx) error {
		if err := t.putBreakGlass(BreakGlassRow{Hash: hash, Made: now, By: by}); err != nil {
			return err
		}
		return t.auditJSON(now, AuditGlassMade, identity.PersonID{}, line)
	})
	if err != nil {
		return fmt.Errorf("make the break-glass account: %w", err)
	}
	return nil
}

// Use notes that the account was used with the password that was made then;
// identity.ErrNotFound where there is another one by now.
func (b *BreakGlass) Use(ctx context.Context, made time.Time, from string, now time.Time, line map[string]any) error {
	err := b.db.write(ctx, func(t *tx) error {
		row, err := t.breakGlass()
		if err == nil && !row.Made.Equal(made) {
			err = identity.ErrNotFound
		}
		if err != nil {
			return err
		}
		row.Used, row.From, row.Uses = now, from, row.Uses+1
		more := map[string]any{"addr": from, "uses": row.Uses}
		row.tell(more)
		if err := t.putBreakGlass(row); err != nil {
			return err
		}
		return t.auditJSON(now, AuditGlassUsed, identity.PersonID{}, with(line, more))
	})
	if err != nil {
		return fmt.Errorf("use the break-glass account: %w", err)
	}
	return nil
}

// Fail notes that somebody tried the account with a wrong name or password. No more
// than GlassLines in GlassSpan become lines, on all replicas together; the others
// are counted.
func (b *BreakGlass) Fail(ctx context.Context, from string, now time.Time, line map[string]any) error {
	err := b.db.write(ctx, func(t *tx) error {
		row, err := t.breakGlass()
		if err != nil {
			return err
		}
		if now.Sub(row.Since) >= GlassSpan || now.Before(row.Since) {
			row.Since, row.Wrong = now, 0
		}
		row.Wrong++
		if row.Wrong > GlassLines {
			row.Untold++
			return t.putBreakGlass(row)
		}
		more := map[string]any{"addr": from, "wrong": row.Wrong}
		row.tell(more)
		if err := t.putBreakGlass(row); err != nil {
			return err
		}
		return t.auditJSON(now, AuditGlassWrong, identity.PersonID{}, with(line, more))
	})
	if err != nil {
		return fmt.Errorf("note a wrong try at the break-glass account: %w", err)
	}
	return nil
}

// tell adds to a line how many wrong tries before it have none.
func (row *BreakGlassRow) tell(line map[string]any) {
	if row.Untold > 0 {
		line["untold"], row.Untold = row.Untold, 0
	}
}
