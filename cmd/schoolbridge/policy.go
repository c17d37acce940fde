package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"schoolbridge/config"
	"schoolbridge/internal/cases"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/ldapsrv"
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
	w := cases.World{Clients: map[string]string{}, SameDN: ldapsrv.SameDN}
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
	attributes := ldapsrv.AttributeNames()
	for _, a := range c.LDAP.Attributes {
		attributes = append(attributes, a.Name)
	}
	slices.Sort(attributes)
	w.Meant = func(attribute string) string { return config.Nearest(attribute, attributes) }
	if c.LDAP.Base != "" {
		w.Look, err = looker(c)
	}
	return w, err
}

// looker asks the rules of the LDAP server who sees whom; no directory, secret or
// network is needed.
func looker(c *config.Config) (func(cases.Look) (cases.Sight, error), error) {
	server, err := rulesServer(c)
	if err != nil {
		return nil, err
	}
	return func(q cases.Look) (cases.Sight, error) {
		ask := ldapsrv.Question{Service: q.Service, Who: affiliated(q.Who), From: q.From, Base: q.Base, Whom: affiliated(q.Whom), Self: q.Self, Attribute: q.Attribute}
		switch g := q.Group; {
		case g.Role != 0:
			ask.Group = &directory.Group{Kind: directory.GroupRole, Role: g.Role}
		case g.Class:
			ask.Group = &directory.Group{Kind: directory.GroupClass, School: g.School}
		case g.School != "":
			ask.Group = &directory.Group{Kind: directory.GroupSchool, School: g.School}
		}
		s, err := server.Look(ask)
		return cases.Sight{Seen: s.Seen, Rule: s.Rule, Unseen: string(s.Unseen)}, err
	}, nil
}

// rulesServer is an LDAP server of the configuration that knows its rules and nobody.
func rulesServer(c *config.Config) (*ldapsrv.Server, error) {
	o, err := ldapOptions(c, func(config.Service) (identity.Password, error) { return "not asked", nil })
	if err != nil {
		return nil, err
	}
	o.Auth, o.Directory = nobody{}, directory.New(nil, directory.Options{})
	return ldapsrv.New(o)
}

// affiliated are roles that somebody has today.
func affiliated(pairs []policy.Pair) (all []directory.Affiliation) {
	for _, p := range pairs {
		all = append(all, directory.Affiliation{Role: person.Role(p.Role), School: p.School})
	}
	return all
}

// nobody admits nobody.
type nobody struct{}

func (nobody) Authenticate(context.Context, identity.Credential) identity.Verdict {
	return identity.Verdict{Outcome: identity.Rejected}
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
