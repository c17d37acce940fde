package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/duplicates"
)

// auditApproval is the audit line of what a run was told to do.
const auditApproval = "duplicates_apply"

// approvedMost is how many groups such a line names, leftMost how many a message
// does, and approvalsBack among how many of the last lines an approval is looked for.
const (
	approvedMost  = 1000
	leftMost      = 20
	approvalsBack = 20
)

// approvalLine is what is kept of an approval, so that a run that was killed before
// it came to a group leaves a trace of it: the journal knows only what was begun.
type approvalLine struct {
	Groups  int      `json:"groups"`
	Plan    string   `json:"plan"`
	Certain bool     `json:"certain"`
	IDs     []string `json:"approved"`
}

// approval writes the audit line of a run.
func (d *mending) approval(ctx context.Context, todo []approved) error {
	line := map[string]any{"groups": len(todo), "accept_disabling": d.accept}
	if len(todo) > 0 {
		var ids []string
		for _, a := range todo[:min(len(todo), approvedMost)] {
			ids = append(ids, a.group.ID)
		}
		line["plan"], line["certain"], line["approved"] = d.planFile, d.certain, ids
	}
	return d.audit(ctx, auditApproval, line)
}

// goOn tells which groups of the last approvals nobody has begun with, and the
// command that does.
func (d *mending) goOn(ctx context.Context) (left bool, err error) {
	entries, err := d.db.Audit().Recent(ctx, identity.PersonID{}, approvalsBack, auditApproval)
	if err != nil {
		return false, err
	}
	repairs, err := d.db.Repairs(targetAD).Repairs(ctx)
	if err != nil {
		return false, err
	}
	told := map[string]bool{}
	for _, e := range entries {
		var line approvalLine
		if err := json.Unmarshal(e.Payload, &line); err != nil {
			return left, err
		}
		ids := slices.DeleteFunc(line.IDs, func(id string) bool {
			begun := slices.ContainsFunc(repairs, func(r duplicates.Repair) bool {
				return r.ID == id && (r.Phase != duplicates.PhaseUndone || r.Changed.After(e.At)) // what was taken back may be approved again
			})
			said := told[id]
			told[id] = true
			return begun || said
		})
		if len(ids) > 0 {
			d.tellLeft(&line, e.At, ids)
			left = true
		}
	}
	return left, nil
}

func (d *mending) tellLeft(line *approvalLine, at time.Time, ids []string) {
	how := "--approve " + strings.Join(ids, ",")
	if line.Certain {
		how = "--approve-certain"
	}
	names := strings.Join(ids[:min(len(ids), leftMost)], " ")
	if len(ids) > leftMost {
		names += " …"
	}
	d.say(d.says.left, len(ids), at.In(d.zone()).Format("2006-01-02 15:04"), names, pasted(d.file), pasted(line.Plan), how)
}
