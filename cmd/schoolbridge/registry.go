package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
	"schoolbridge/provision/registry"
)

// registryText are the messages of "registry import" in one language. What is
// wrong with a row is told in both.
type registryText struct {
	checking, writing, going, ask, unread, needless, counts string
}

var registryTexts = map[string]registryText{
	"ru": {
		checking: "проверка", writing: "запись", going: "%s: %s, строк %d, %d %%, осталось %v",
		ask:    "Чтобы продолжить, введите число %d: ",
		unread: "файл не прочитан, см. выше", needless: "загрузка не нужна, читает только schoolbridge match",
		counts: "строк %d: новых %d, изменено %d, без изменений %d, выбыло %d; с ошибками %d",
	},
	"en": {
		checking: "checking", writing: "writing", going: "%s: %s, rows %d, %d %%, %v left",
		ask:    "Type the number %d to go on: ",
		unread: "the file was not read, see above", needless: "not imported: only schoolbridge match reads it",
		counts: "rows %d: new %d, changed %d, unchanged %d, gone %d; with faults %d",
	},
}

func runRegistry(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("registry", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	accept := fs.Int("accept-ending", 0, "согласие: выбудет ровно N записей / let exactly `N` employments and enrolments end")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) < 2 || words[0] != "import" {
		return misused("registry")
	}
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	db, err := openStore(ctx, c, store.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // every chunk is committed by then
	now := time.Now()
	text := registryTexts[*lang]
	o := registry.Options{
		Today: person.DateOf(now.In(c.Policy.TimeZone.Location())), EndingShare: c.Registry.EndingShare,
		MinEnding: c.Registry.EndingMinimum, AcceptEnding: *accept, Progress: text.progress(std),
	}
	summary, err := importRegistry(ctx, db, words[1:], o)
	var ending *registry.EndingError
	if errors.As(err, &ending) && text.confirm(std, *lang, ending) {
		o.AcceptEnding = ending.Total()
		summary, err = importRegistry(ctx, db, words[1:], o)
	}
	switch {
	case errors.Is(err, registry.ErrNoFiles), errors.Is(err, registry.ErrNotThere):
		return &exitError{exitUsage, err}
	case err != nil:
		return err
	}
	if err := text.writeSummary(std, *lang, summary); err != nil {
		return err
	}
	if summary.Findings() {
		return errFindings
	}
	return nil
}

// importRegistry imports files and leaves one line in the audit trail.
func importRegistry(ctx context.Context, db *store.DB, paths []string, o registry.Options) (*registry.Summary, error) {
	schools, err := db.Directory().Schools(ctx)
	if err != nil {
		return nil, err
	}
	o.Known = schools
	summary, err := registry.Import(ctx, db.Registry(), paths, o)
	if err != nil {
		return nil, err
	}
	type line struct {
		Kind                          string
		Read, New, Changed, Gone, Bad int
	}
	var lines []line
	for _, f := range summary.Files {
		lines = append(lines, line{f.Kind.String(), f.Read, f.New, f.Changed, f.Gone, f.Bad})
	}
	payload, err := json.Marshal(lines)
	if err != nil {
		return nil, err
	}
	return summary, db.Audit().Append(ctx, []identity.AuditEntry{{At: time.Now(), Kind: "import", Payload: payload}})
}

// progress shows a line that is written over, on a terminal only.
func (t registryText) progress(std streams) func(registry.Progress) {
	f, ok := std.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(p registry.Progress) {
		phase := t.checking
		if p.Writing {
			phase = t.writing
		}
		percent := 100
		if p.Total > 0 {
			percent = int(100 * p.Bytes / p.Total)
		}
		fmt.Fprintf(f, "\r\033[K"+t.going, phase, p.File, p.Rows, percent, p.Left.Round(time.Second))
		if percent == 100 {
			fmt.Fprint(f, "\r\033[K")
		}
	}
}

// confirm asks a person at a terminal whether so many may end.
func (t registryText) confirm(std streams, lang string, ending *registry.EndingError) bool {
	in, ok := std.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return false
	}
	fmt.Fprintf(std.err, "%s\n"+t.ask, said.In(ending, lang), ending.Total())
	answer, _ := bufio.NewReader(in).ReadString('\n')
	return strings.TrimSpace(answer) == strconv.Itoa(ending.Total())
}

func (t registryText) writeSummary(std streams, lang string, s *registry.Summary) error {
	for i := range s.Files {
		f := &s.Files[i]
		for j := range f.Faults {
			fmt.Fprintln(std.err, said.In(&f.Faults[j], lang))
		}
		if err := t.writeFile(std.out, f); err != nil {
			return err
		}
	}
	return nil
}

func (t registryText) writeFile(w io.Writer, f *registry.FileSummary) error {
	if f.Ignored {
		why := t.unread
		if len(f.Faults) == 0 { // a kind that the store does not keep
			why = t.needless
		}
		_, err := fmt.Fprintf(w, "%-14s %s\n", f.Kind.String()+":", why)
		return err
	}
	_, err := fmt.Fprintf(w, "%-14s "+t.counts+"\n",
		f.Kind.String()+":", f.Read, f.New, f.Changed, f.Unchanged, f.Gone, f.Bad)
	return err
}
