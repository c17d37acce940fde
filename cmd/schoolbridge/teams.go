package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision/teams"
)

// teamsText are the messages of "teams export" in one language.
type teamsText struct{ counts, added, changed, removed, more, skipped, nobody string }

var teamsTexts = map[string]teamsText{
	"ru": {counts: "%-21s записей %d: новых %d, изменено %d, исчезло %d\n", added: "новые", changed: "изменены", removed: "исчезли", more: " и ещё %d",
		skipped: "логин Teams уже у другого человека, не выгружен: %s\n",
		nobody:  "логинов Teams ещё ни у кого не видно: Active Directory не подключён (раздел ad) или служба ещё не сверила учётные записи"},
	"en": {counts: "%-21s records %d: added %d, changed %d, removed %d\n", added: "added", changed: "changed", removed: "removed", more: " and %d more",
		skipped: "the Teams login is another person's too, not exported: %s\n",
		nobody:  "nobody is seen to have a Teams login yet: no Active Directory is connected (section ad), or the daemon has not looked at its accounts"},
}

func runTeams(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("teams", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	dir := fs.String("dir", "", "папка только для этих файлов / the `DIR` of these files and no others")
	accept := fs.Int("accept-removals", 0, "согласие: из файла исчезнет до N записей / let up to `N` records of a file be gone")
	fs.IntVar(accept, "allow-removals", 0, "то же, прежнее имя / the same by its old name: `N`")
	asJSON := fs.Bool("json", false, "что изменилось, в JSON / print what changed as JSON")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "export" || *dir == "" || *accept < 0 {
		return misused("teams")
	}
	c, db, err := openSite(ctx, std, *file, *lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the audit line is committed by then
	now := time.Now()
	o := teams.Options{Today: person.DateOf(now.In(c.Policy.TimeZone.Location())), Classes: c.Teams.Classes,
		RemovalShare: c.Teams.RemovalShare, RemovalMinimum: c.Teams.RemovalMinimum, AcceptRemovals: *accept}
	// Before the files are there: who breaks it off may have them too.
	if err := auditTeams(ctx, db, now, map[string]any{"dir": *dir, "state": "began"}); err != nil {
		return err
	}
	result, err := teams.Export(ctx, *dir, db.Teams(targetAD), o)
	var stopped *teams.RemovalsError
	if err != nil && !errors.As(err, &stopped) {
		return err
	}
	text := teamsTexts[*lang]
	if err := text.write(std, result, *asJSON); err != nil {
		return err
	}
	if stopped != nil {
		return stopped
	}
	line := map[string]any{"dir": *dir, "state": "done"}
	for _, f := range result.Files {
		if f.Records > 0 || f.Removed.Count > 0 {
			line[f.File] = map[string]int{"records": f.Records, "added": f.Added.Count, "changed": f.Changed.Count, "removed": f.Removed.Count}
		}
	}
	if err := auditTeams(ctx, db, time.Now(), line); err != nil {
		return err
	}
	if result.Records("users.csv") == 0 {
		fmt.Fprintln(std.err, text.nobody)
		return errFindings
	}
	if len(result.Skipped) > 0 {
		return errFindings
	}
	return nil
}

func auditTeams(ctx context.Context, db *store.DB, at time.Time, line map[string]any) error {
	payload, err := json.Marshal(byCaller(line))
	if err != nil {
		return err
	}
	return db.Audit().Append(ctx, []identity.AuditEntry{{At: at, Kind: "teams_export", Payload: payload}})
}

// write tells what changed: counts, and people by id only.
func (t teamsText) write(std streams, r *teams.Result, asJSON bool) error {
	for _, id := range r.Skipped {
		fmt.Fprintf(std.err, t.skipped, id)
	}
	if asJSON {
		return std.json(r.Files)
	}
	for _, f := range r.Files {
		if _, err := fmt.Fprintf(std.out, t.counts, f.File+":", f.Records, f.Added.Count, f.Changed.Count, f.Removed.Count); err != nil {
			return err
		}
		for _, of := range []struct {
			word string
			ids  teams.IDs
		}{{t.added, f.Added}, {t.changed, f.Changed}, {t.removed, f.Removed}} {
			if err := t.ids(std.out, of.word, of.ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// shownIDs are shown on a terminal; JSON has more.
const shownIDs = 5

func (t teamsText) ids(w io.Writer, word string, ids teams.IDs) error {
	if ids.Count == 0 {
		return nil
	}
	line := "    " + word + ":"
	for i, id := range ids.First[:min(shownIDs, len(ids.First))] {
		if i > 0 {
			line += ","
		}
		line += " " + id
	}
	if more := ids.Count - min(shownIDs, len(ids.First)); more > 0 {
		line += fmt.Sprintf(t.more, more)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
