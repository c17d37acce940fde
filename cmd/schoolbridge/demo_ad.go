package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/registry"
)

// The simulated Active Directory's fixed names.
const (
	demoAD        = "127.0.0.1:3390"
	demoADBase    = "dc=obr,dc=example"
	demoADAdmin   = "ad-demo"
	demoADService = "schoolbridge"
	demoADManaged = "OU=Schools," + demoADBase
	demoADGroups  = "OU=Groups," + demoADManaged
	demoADOld     = "OU=Old," + demoADManaged // what people had before
)

// startAD starts the simulated Active Directory with the accounts that the
// sample's ad.csv lists; stop ends it.
func (d *demo) startAD(context.Context) (stop func(), err error) {
	password, err := config.ReadSecret(config.SecretFile(d.folder.path("secrets", "ad")))
	if err != nil {
		return nil, err
	}
	read, err := registry.ReadDir(d.folder.path("registry"))
	if err != nil {
		return nil, err
	}
	o := simad.Options{
		Base: demoADBase, AdminPassword: demoADAdmin, Service: simad.User{Name: demoADService, Password: identity.Password(password)},
		Managed: demoADManaged, Units: []string{demoADOld, demoADGroups}, StateFile: d.folder.path("ad.json"),
	}
	for _, s := range read.Schools {
		for _, role := range []person.Role{person.RoleStaff, person.RolePupil} {
			o.Groups = append(o.Groups, fmt.Sprintf("CN=%s-%s,%s", role, s.ID, demoADGroups))
		}
	}
	for _, a := range read.AD {
		secret := identity.Password(rand.Text() + "-Ad1") // nobody knows the old one any more
		o.Users = append(o.Users, simad.User{Name: a.SAM, UPN: a.Teams, Display: a.Display, Unit: demoADOld, Password: secret, Disabled: !a.Enabled})
	}
	directory, err := simad.NewDirectory(o)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(d.folder.path("tls", "server.pem"), d.folder.path("tls", "server-key.pem"))
	if err != nil {
		return nil, err
	}
	server, err := simad.NewServer(directory, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, discardLog())
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", demoAD)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			fmt.Fprintln(d.std.err, "simulated Active Directory:", err)
		}
	}()
	return func() { _ = server.Close(); <-done }, nil
}

// claim says whose the accounts are that the directory already holds, as an
// administrator would have approved it.
func (d *demo) claim(ctx context.Context, db *store.DB, target *ad.Target) error {
	read, err := registry.ReadDir(d.folder.path("registry"))
	if err != nil {
		return err
	}
	kinds := map[person.RecordID]person.RecordKind{}
	for _, e := range read.Enrolments {
		kinds[e.ID] = person.RecordEnrolment
	}
	for _, e := range read.Employments {
		kinds[e.ID] = person.RecordEmployment
	}
	var claims []provision.Claim
	for _, a := range read.AD {
		if a.Person == "" {
			continue
		}
		found, err := target.FindNames(ctx, []string{a.SAM})
		if err != nil {
			return err
		}
		for _, object := range found {
			if person.FoldName(object.Name) == person.FoldName(a.SAM) {
				claims = append(claims, provision.Claim{Target: targetAD, Object: object, Record: person.RecordRef{Kind: kinds[a.Person], ID: a.Person}})
			}
		}
	}
	return db.Claims().Put(ctx, claims)
}

// settle brings the accounts of those who are activated when the demo begins.
func (d *demo) settle(ctx context.Context, c *config.Config, db *store.DB, target *ad.Target) error {
	worker, err := provision.NewWorker(target, db.Targets(), workerOptions(c))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = worker.Once(ctx)
	return err
}
