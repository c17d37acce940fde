package registry

import (
	"context"
	"os"
	"time"
)

// meter tells how far a pass is.
type meter struct {
	tell  func(Progress)
	now   func() time.Time
	start time.Time
	at    Progress
	past  int64 // bytes of the files before this one
}

func (r *run) newMeter(p pass) meter {
	m := meter{tell: r.o.Progress, now: r.o.Now, start: r.o.Now()}
	m.at.Writing = p == writing
	for _, f := range r.files {
		if f.Kind <= Logins && (p == checking || r.rewrites(f)) {
			if info, err := os.Stat(f.Path); err == nil {
				m.at.Total += info.Size()
			}
		}
	}
	return m
}

const meterRows = 1000

// row counts one row; the error is that of ctx, looked at now and then.
func (m *meter) row(ctx context.Context, f *File) error {
	if m.at.Rows++; m.at.Rows%meterRows != 0 {
		return nil
	}
	m.report(f, f.Offset())
	return ctx.Err()
}

// done closes a file.
func (m *meter) done(f *File) {
	m.report(f, f.Size)
	m.past += f.Size
}

func (m *meter) report(f *File, offset int64) {
	if m.tell == nil {
		return
	}
	m.at.File, m.at.Bytes = f.Path, m.past+offset
	m.at.Left = 0
	if m.at.Bytes > 0 && m.at.Bytes < m.at.Total {
		spent := m.now().Sub(m.start)
		m.at.Left = time.Duration(float64(spent) / float64(m.at.Bytes) * float64(m.at.Total-m.at.Bytes))
	}
	m.tell(m.at)
}
