package main

import (
	"context"
	"flag"
	"fmt"

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
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	db, err := openMadeStore(ctx, c)
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
	if _, err := fmt.Fprintf(std.out, "журнал аудита цел, строк: %d / the audit trail is whole, lines: %d\n", lines, lines); err != nil {
		return err
	}
	heads, err := db.Audit().Heads(ctx)
	for _, h := range heads {
		fmt.Fprintf(std.out, "head of chain %q: line %d, %x\n", h.Chain, h.Seq, h.Hash)
	}
	return err
}
