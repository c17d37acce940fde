package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"

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
	for _, a := range d.unclaimed(read) {
		a.Unit, a.Password = demoADOld, identity.Password(rand.Text()+"-Ad1")
		o.Users = append(o.Users, a)
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

// unclaimed are accounts of which nobody has said whose they are: a teacher's whose
// login is the name of one, and who therefore has to be asked about, and a second one
// of the same teacher, counted up as it was done for years.
func (d *demo) unclaimed(read *registry.Folder) []simad.User {
	p, ok := d.forgotten(read)
	if !ok {
		return nil
	}
	display := person.JoinFIO(p.Last, p.First, p.Middle)
	return []simad.User{
		{Name: p.Login, UPN: p.Login + "@uao.obr.mos.ru", Display: display},
		{Name: p.Login + "1", UPN: p.Login + "1@uao.obr.mos.ru", Display: display, Disabled: true},
	}
}

// forgotten is the first teacher of the registry who is not activated when the demo
// begins and of whom there is nothing odd.
func (d *demo) forgotten(read *registry.Folder) (person.Profile, bool) {
	teaches := map[string]bool{}
	for _, e := range read.Employments {
		if number, ok := person.ParseSNILS(e.SNILS); ok && e.End.IsZero() && e.School == demoSchool {
			teaches[string(number)] = true
		}
	}
	for i, p := range d.people.People {
		number, ok := person.ParseSNILS(p.Profile.SNILS)
		if ok && teaches[string(number)] && p.Profile.SNILSConfirmed && !p.Activate && i%4 != 0 && !named(p.Profile.Login) {
			return p.Profile, true
		}
	}
	return person.Profile{}, false
}

// takeOver lets that teacher try to activate too.
func (d *demo) takeOver(read *registry.Folder) {
	if p, ok := d.forgotten(read); ok {
		d.odd[p.Subject] = true
	}
}

// claim says whose the accounts are that the directory already holds, as an
// administrator would have approved it.
func (d *demo) claim(ctx context.Context, db *store.DB, target *ad.Target, read *registry.Folder) error {
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
