package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"schoolbridge/config"
	"schoolbridge/internal/cases"
	"schoolbridge/internal/explain"
)

// runPolicy asks a table of cases of the policy that a configuration declares.
// It needs no store and no network.
func runPolicy(_ context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("policy", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	asJSON := fs.Bool("json", false, "вывести JSON / print JSON")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 2 || words[0] != "test" {
		return misused("policy")
	}
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	world, err := policyWorld(c)
	if err != nil {
		return err
	}
	data, err := readCases(words[1])
	if err != nil {
		return &exitError{exitUsage, err}
	}
	list, faults := cases.Read(words[1], data, world)
	if len(faults) > 0 {
		for _, f := range faults {
			fmt.Fprintf(std.err, "%s:%d: %s\n", words[1], f.Line, f.In(*lang))
		}
		return &exitError{code: exitUsage}
	}
	report := cases.Report{File: words[1], Table: world.Table}
	for _, one := range list {
		report.Answers = append(report.Answers, one.Ask(world))
	}
	write := report.Write
	if *asJSON {
		write = report.WriteJSON
	}
	if err := write(std.out, explain.Lang(*lang)); err != nil {
		return err
	}
	if report.Findings() > 0 {
		return errFindings
	}
	return nil
}

func policyWorld(c *config.Config) (cases.World, error) {
	w := cases.World{Clients: map[string]string{}}
	var err error
	if w.Table, err = c.Policy.Compile(); err != nil {
		return w, err
	}
	if w.Inventory, err = inventoryOf(c); err != nil {
		return w, err
	}
	for _, client := range c.RADIUS.Clients {
		w.Clients[client.Name] = client.School
	}
	for _, s := range c.LDAP.Services {
		w.Services = append(w.Services, string(s.DN))
	}
	return w, nil
}

// readCases reads a file of at most cases.MaxSize bytes.
func readCases(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing is lost
	data, err := io.ReadAll(io.LimitReader(f, cases.MaxSize+1))
	if err == nil && len(data) > cases.MaxSize {
		err = fmt.Errorf("%s is larger than %d MiB: split it", name, cases.MaxSize>>20)
	}
	return data, err
}
