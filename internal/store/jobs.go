package store

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Job implements provision.Queue. The password comes only while it lives and
// belongs to the credential of now.
func (s *Targets) Job(ctx context.Context, target string, id identity.PersonID, now time.Time) (provision.Job, error) {
	jobs, err := s.Jobs(ctx, target, []identity.PersonID{id}, now)
	if err == nil && len(jobs) == 0 {
		err = fmt.Errorf("read account in target: %w", identity.ErrNotFound)
	}
	if err != nil {
		return provision.Job{}, err
	}
	return jobs[0], nil
}

// Jobs is Job for many, in one snapshot and in the order of their ids; those that
// are no longer there are left out. All of it is in memory: ask for some hundreds.
func (s *Targets) Jobs(ctx context.Context, target string, ids []identity.PersonID, now time.Time) ([]provision.Job, error) {
	var jobs []provision.Job
	err := s.db.read(ctx, func(t *tx) (err error) {
		jobs = make([]provision.Job, 0, len(ids))
		return batches(ids, inList, func(ids []identity.PersonID) error {
			some, err := t.jobs(target, ids, now)
			jobs = append(jobs, some...)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts in target: %w", err)
	}
	return jobs, nil
}

func (t *tx) jobs(target string, ids []identity.PersonID, now time.Time) ([]provision.Job, error) {
	in, people := " IN ("+marks(len(ids))+")", idArgs(ids)
	rows, err := t.targetsWhere("target = ? AND person"+in+" ORDER BY person", append([]any{target}, people...)...)
	if err != nil {
		return nil, err
	}
	entries, err := t.entries("PERSON"+in, people...)
	if err != nil {
		return nil, err
	}
	byID := make(map[identity.PersonID]*directory.Entry, len(entries))
	for _, e := range entries {
		byID[e.Person] = e
	}
	jobs := make([]provision.Job, len(rows))
	for i, row := range rows {
		jobs[i] = provision.Job{Person: row.person, Now: now, Row: row.Row, Urgent: row.urgent, Entry: byID[row.person]}
	}
	for _, step := range []func([]provision.Job) error{t.giveSchools, t.givePositions, func(jobs []provision.Job) error { return t.givePasswords(jobs, in, people) }} {
		if err := step(jobs); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

func idArgs(ids []identity.PersonID) []any {
	list := make([]any, len(ids))
	for i := range ids {
		list[i] = ids[i][:]
	}
	return list
}

// affiliated gives a value of each affiliation that has one, each once.
func affiliated(jobs []provision.Job, of func(directory.Affiliation) string) []string {
	var list []string
	for _, job := range jobs {
		if job.Entry == nil {
			continue
		}
		for _, a := range job.Entry.Affiliations {
			if value := of(a); value != "" {
				list = append(list, value)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// giveSchools adds those of the entries' affiliations.
func (t *tx) giveSchools(jobs []provision.Job) error {
	schools, err := t.schoolsOf(affiliated(jobs, func(a directory.Affiliation) string { return string(a.School) }))
	if err != nil {
		return err
	}
	for i := range jobs {
		if jobs[i].Entry == nil {
			continue
		}
		jobs[i].Schools = map[person.SchoolID]person.School{}
		for _, a := range jobs[i].Entry.Affiliations {
			if s, ok := schools[a.School]; ok {
				jobs[i].Schools[a.School] = s
			}
		}
	}
	return nil
}

func (t *tx) schoolsOf(ids []string) (map[person.SchoolID]person.School, error) {
	found := map[person.SchoolID]person.School{}
	return found, batches(ids, inList, func(ids []string) error {
		return t.each("SELECT key, nsi, name, founder, district FROM schools WHERE gone = '' AND key IN ("+marks(len(ids))+")", anys(ids),
			func(scan func(...any) error) error {
				var s person.School
				err := scan(&s.ID, &s.NSI, &s.Name, &s.Founder, &s.District)
				found[s.ID] = s
				return err
			})
	})
}

// givePositions adds what Кадры says that people are.
func (t *tx) givePositions(jobs []provision.Job) error {
	positions := map[person.RecordID]string{}
	keys := affiliated(jobs, func(a directory.Affiliation) string {
		if a.Record.Kind != person.RecordEmployment {
			return ""
		}
		return string(a.Record.ID)
	})
	err := batches(keys, inList, func(keys []string) error {
		return t.each("SELECT key, sealed FROM employments WHERE key IN ("+marks(len(keys))+")", anys(keys), func(scan func(...any) error) error {
			var key string
			var sealed []byte
			if err := scan(&key, &sealed); err != nil {
				return err
			}
			row, err := t.db.keys.decode(person.RecordEmployment, key, sealed)
			if err == nil {
				positions[person.RecordID(key)] = row.(person.Employment).Position
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for i := range jobs {
		if jobs[i].Entry == nil {
			continue
		}
		for _, a := range jobs[i].Entry.Affiliations {
			if a.Record.Kind != person.RecordEmployment || positions[a.Record.ID] == "" {
				continue
			}
			if jobs[i].Positions == nil {
				jobs[i].Positions = map[person.RecordRef]string{}
			}
			jobs[i].Positions[a.Record] = positions[a.Record.ID]
		}
	}
	return nil
}

// givePasswords adds those that wait for delivery.
func (t *tx) givePasswords(jobs []provision.Job, in string, people []any) error {
	waiting, err := t.waitingPasswords("person"+in, people...)
	if err != nil || len(waiting) == 0 {
		return err
	}
	keys := map[string]cipher.AEAD{}
	for i := range jobs {
		w, ok := waiting[jobs[i].Person]
		if !ok || jobs[i].Entry == nil || !w.alive(jobs[i].Now) || w.Epoch != jobs[i].Entry.Epoch {
			continue
		}
		key, known := keys[w.day]
		if !known {
			if key, err = t.openDayKey(w.day); err != nil && !errors.Is(err, identity.ErrNotFound) {
				return err
			}
			keys[w.day] = key // nil: it is gone
		}
		if key == nil {
			continue // as if the password had died
		}
		if jobs[i].Password, err = w.open(jobs[i].Person, key); err != nil {
			return err
		}
	}
	return nil
}
