package main

import (
	"context"
	"flag"
	"fmt"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/store"
)

func runAudit(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 && args[0] == "show" {
		return runAuditShow(ctx, std, args[1:])
	}
	fs := flag.NewFlagSet("audit", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "verify" {
		return misused("audit")
	}
	_, db, err := openSite(ctx, std, *file, *lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // read only: nothing is lost
	lines := 0
	err = db.Audit().Verify(ctx, func(n int) { lines = n })
	switch {
	case store.IsBroken(err):
		fmt.Fprintln(std.out, err)
		return errFindings
	case err != nil:
		return err
	}
	whole, head := "журнал аудита цел, строк: %d (в одной бывает много входов)\n", "конец цепочки %q: строка %d, %x\n"
	if *lang == string(explain.English) {
		whole, head = "the audit trail is whole, lines: %d (one may hold many sign-ins)\n", "head of chain %q: line %d, %x\n"
	}
	if _, err := fmt.Fprintf(std.out, whole, lines); err != nil {
		return err
	}
	heads, err := db.Audit().Heads(ctx)
	for _, h := range heads {
		fmt.Fprintf(std.out, head, h.Chain, h.Seq, h.Hash)
	}
	return err
}
