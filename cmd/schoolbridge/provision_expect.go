package main

import (
	"time"

	"schoolbridge/provision"
)

// assumedRate is how many accounts a second one controller takes with their
// passwords, measured on Samba; other changes are faster.
const assumedRate = 30

// expect says how long it would take to write what a plan found: the command apply
// if it began now, and the daemon in its hours. Nothing of that has begun.
func (p *provisioner) expect(found planned, all bool) {
	const clock = "2006-01-02 15:04:05"
	now, zone := p.now(), p.zone()
	rate := float64(assumedRate)
	if p.config.AD.Rate > 0 {
		rate = min(rate, p.config.AD.Rate)
	}
	writes := found.writes()
	if writes == 0 {
		return
	}
	// Those for whom somebody waits have their turn without regard to ad.rate.
	took := max((lasting(writes-found.urgent, rate) + lasting(found.urgent, assumedRate)).Round(time.Second), time.Second)
	p.say(p.text.expected, took, now.In(zone).Format(clock), now.Add(took).In(zone).Format(clock), rate)
	window := windowAD(p.config)
	if window == nil || !all || found.patient == 0 {
		return
	}
	from, until := inHours(window, now, lasting(found.patient, rate))
	p.say(p.text.window, found.patient, from.In(zone).Format(clock), until.In(zone).Format(clock))
}

// lasting is how long so many accounts take.
func lasting(accounts int, rate float64) time.Duration {
	return time.Duration(float64(accounts) * float64(time.Second) / rate)
}

// expectMost bounds how far ahead an end is looked for.
const expectMost = 366 * 24 * time.Hour

// inHours says when work begins and ends that is done in a window alone, which opens
// and closes with whole minutes.
func inHours(window func(time.Time) (open bool, opens time.Time), now time.Time, work time.Duration) (from, until time.Time) {
	for at := now; at.Sub(now) < expectMost; {
		open, opens := window(at)
		if !open {
			if !opens.After(at) {
				break
			}
			at = opens
			continue
		}
		if from.IsZero() {
			from = at
		}
		next := at.Truncate(time.Minute).Add(time.Minute)
		if step := next.Sub(at); step < work {
			work -= step
			at = next
			continue
		}
		return from, at.Add(work)
	}
	return from, now.Add(expectMost)
}

// hurry says in which order of the daemon's an account is written.
func (p *planned) hurry(job provision.Job, drastic provision.Drastic, zone *time.Location) {
	switch {
	case job.Urgent:
		p.urgent++
	case job.Patient(drastic, zone):
		p.patient++
	}
}
