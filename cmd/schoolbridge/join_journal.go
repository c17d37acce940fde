package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/radiussrv"
)

// journalRules are the times by which silence ends a session. A NAS that tells
// nothing between Start and Stop may do so for a whole day.
func journalRules(silence time.Duration) journal.Rules {
	return journal.Rules{Silence: silence, Quiet: 24 * time.Hour}
}

// joinJournal sets up the journal of Wi-Fi sessions and who ends them.
func (d *daemon) joinJournal(context.Context) error {
	c := d.config.RADIUS
	if len(c.Authentication)+len(c.Accounting)+len(c.RadSec) == 0 {
		return nil
	}
	d.journal = journal.New(d.db.Journal(), journal.Options{
		Rules: journalRules(c.Journal.Silence), Keep: c.Journal.Keep,
		Simultaneous: map[string]int{person.RoleStaff.String(): c.Simultaneous.Staff, person.RolePupil.String(): c.Simultaneous.Pupil},
		Logger:       d.log, Registerer: d.registry,
	})
	warden := journal.NewWarden(d.journal, journal.WardenOptions{
		Orders: d.db.Journal(), Standing: d.standing, Version: func() uint64 { return d.people.Seq() + d.reloads.Load() },
		Disconnect: d.disconnect, Change: d.change, Logger: d.log,
	})
	d.services = append(d.services, service{"session journal", d.journal.Run}, service{"session warden", warden.Run}, service{"known devices", d.recallDevices})
	return nil
}

// knownFor is how old a session may be on whose device the person counts as seen,
// and knownEach on how many devices: which one it was is the NAS's word, and one
// that lies is not to have places to guess from by the thousand.
const (
	knownFor  = 30 * 24 * time.Hour
	knownEach = 8
)

// recallDevices tells the authenticator on which devices people signed in before
// the start, beside those who sign in already: the newest first, for as long as it
// has room.
func (d *daemon) recallDevices(ctx context.Context) error {
	since, began := time.Now().Add(-knownFor), time.Now()
	for {
		recent := recalled{}
		err := d.db.Journal().Devices(ctx, since, func(s *journal.Session) bool {
			return !recent.add(s) || d.auth.Remember(s.Person, identity.Source{NAS: s.NAS, School: s.Detail.School, Device: s.Detail.Device})
		})
		if err == nil || ctx.Err() != nil {
			break
		}
		d.log.Warn("which devices are known is not read yet; it is tried again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	d.log.Debug("known devices are read", "took", time.Since(began))
	<-ctx.Done()
	return nil
}

// recalled are the devices of each person, at most knownEach.
type recalled map[identity.PersonID][]identity.Source

// add says whether a session is on one that was not there.
func (r recalled) add(s *journal.Session) bool {
	of, at := r[s.Person], identity.Source{NAS: s.NAS, School: s.Detail.School, Device: s.Detail.Device}
	if len(of) >= knownEach || slices.Contains(of, at) {
		return false
	}
	r[s.Person] = append(of, at)
	return true
}

// admit is the authenticator's question about one device more.
func (d *daemon) admit() func(person identity.PersonID, role, device string) bool {
	if d.journal == nil {
		return nil
	}
	return d.journal.Admit
}

// accounts brings what NAS clients tell to the journal.
type accounts struct{ journal *journal.Journal }

// Account implements radiussrv.Accounting.
func (a accounts) Account(ctx context.Context, r radiussrv.Record) error {
	return a.journal.Account(ctx, journalRecord(r))
}

var journalStatus = map[radiussrv.Status]journal.Status{
	radiussrv.Start: journal.Start, radiussrv.Interim: journal.Interim, radiussrv.Stop: journal.Stop, radiussrv.On: journal.On, radiussrv.Off: journal.Off,
}

func journalRecord(r radiussrv.Record) journal.Record {
	return journal.Record{
		Status: journalStatus[r.Status], At: r.At, NAS: r.Source.NAS, Unit: r.Source.Unit, Key: r.SessionID, Person: r.Person, Epoch: r.Epoch, Given: r.Given, Basis: r.Basis,
		Detail: journal.Detail{
			Name: r.UserName, Device: r.Source.Device, Station: r.Station, SSID: r.Source.SSID, School: r.Source.School, Port: r.Port,
			Multi: r.MultiSessionID, SignIn: string(r.Session), Peer: r.Source.Addr, NASAddr: r.NASAddr, NASIdentifier: r.NASIdentifier,
		},
		Addresses: r.Addresses, Duration: r.Duration, Cause: r.TerminateCause,
		Traffic: journal.Traffic{InOctets: r.InOctets, OutOctets: r.OutOctets, InPackets: r.InPackets, OutPackets: r.OutPackets},
	}
}

// journaled adds to the RADIUS server what the journal needs of it.
func (d *daemon) journaled(o *radiussrv.Options) error {
	class, err := d.db.SharedKey("radius class")
	if err != nil {
		return fmt.Errorf("key of Class: %w", err)
	}
	charge, err := d.db.SharedKey("chargeable user identity")
	if err != nil {
		return fmt.Errorf("key of Chargeable-User-Identity: %w", err)
	}
	o.Accounting, o.ClassKey, o.ChargeKey = accounts{d.journal}, &class, &charge
	if c := d.config.RADIUS; len(c.Accounting)+len(c.RadSec) > 0 {
		o.Interim = c.Journal.Interim
	}
	return nil
}
