//go:build linux

package city

import (
	"slices"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
)

// see notes in the store of every account what a pass over it would have seen, so
// that Teams can be exported: a real controller makes some thirty accounts a second.
func (c *city) see() {
	ctx := c.t.Context()
	db, err := sqlite.OpenFiles(ctx, c.path("schoolbridge.db"), c.path("keyset.json"), store.Options{})
	stand.Must(c.t, err)
	queue := db.Targets()
	all, err := queue.All(ctx, "ad")
	stand.Must(c.t, err)
	began, used := time.Now(), cpu(c.t)
	for some := range slices.Chunk(all, 500) {
		jobs, err := queue.Jobs(ctx, "ad", some, time.Now())
		stand.Must(c.t, err)
		list := make([]provision.Saving, len(jobs))
		for i, job := range jobs {
			pass := provision.Pass{Object: job.Person[:], Observed: provision.Observed{
				At: job.Now, Name: job.Row.Name, UPN: job.Row.Name + "@uao.obr.mos.ru", Enabled: true, Ready: true}}
			list[i] = provision.Saving{Person: job.Person, Revision: job.Row.Revision, Pass: pass, Due: job.Now.Add(6 * time.Hour)}
		}
		_, err = queue.SaveAll(ctx, "ad", list)
		stand.Must(c.t, err)
	}
	stand.Must(c.t, db.Close())
	c.t.Logf("%-34s %10.1f %10.1f", "accounts noted as seen", time.Since(began).Seconds(), (cpu(c.t) - used).Seconds())
}
