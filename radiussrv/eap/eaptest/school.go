// Package eaptest is what tests of EAP share: a school that judges sign-ins as
// internal/auth does, certificates of an authority of its own, and an EAP peer.
// Tests only.
package eaptest

import (
	"context"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// The people and the board of the school.
const (
	Teacher         = "orlovami"
	TeacherPassword = "Snegir-2021"
	Pupil           = "belovas"
	PupilPassword   = "Sinica-2021"
	Away            = "away" // nobody can tell now
	Board           = "board-7.school.example"
)

// Person is the id of one of them.
func Person(name string) identity.PersonID {
	return identity.PersonID{byte(len(name)), name[0], name[1]}
}

type person struct {
	password string
	epoch    uint64
	out      bool
}

// School admits its people; it is an authenticator that can be told what
// happened to them.
type School struct {
	mu      sync.Mutex
	people  map[string]*person
	asked   []identity.Credential
	resumed int
	// NotBefore goes with every rejection.
	NotBefore time.Time
	// Block is called before every answer, where it is set.
	Block func(ctx context.Context)
}

// NewSchool makes one with a teacher and a pupil.
func NewSchool() *School {
	return &School{people: map[string]*person{
		Teacher: {password: TeacherPassword, epoch: 1}, Pupil: {password: PupilPassword, epoch: 1},
	}}
}

// Epoch changes somebody's password to the same one: earlier vouchers end.
func (s *School) Epoch(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[name].epoch++
}

// Suspend shuts somebody out.
func (s *School) Suspend(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[name].out = true
}

// Asked gives what was asked, and how often somebody wanted to resume.
func (s *School) Asked() (sign []identity.Credential, resumed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]identity.Credential(nil), s.asked...), s.resumed
}

// bare is the name without domain and realm.
func bare(name string) string {
	name = strings.ToLower(name[strings.LastIndexByte(name, '\\')+1:])
	name, _, _ = strings.Cut(name, "@")
	return name
}

// Whose says to whom a name belongs.
func (s *School) Whose(name string) (identity.PersonID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.people[bare(name)]
	if !ok {
		return identity.PersonID{}, false
	}
	return Person(bare(name)), true
}

// Authenticate judges passwords, MS-CHAPv2 answers and the board's certificate.
func (s *School) Authenticate(ctx context.Context, c identity.Credential) identity.Verdict {
	if s.Block != nil {
		s.Block(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, c)
	if certificate, ok := c.Proof.(identity.Certificate); ok {
		return s.certificate(certificate)
	}
	name := bare(c.Name)
	if name == Away {
		return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonUpstreamDown}
	}
	p := s.people[name]
	if p == nil {
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonUnknown, NotBefore: s.NotBefore}
	}
	v := s.admit(name, p)
	switch proof := c.Proof.(type) {
	case identity.Password:
		if string(proof) == p.password {
			return v
		}
	case identity.MSCHAPv2:
		hash := mschap.NTHash(p.password)
		challenge := mschap.Challenge(proof.PeerChallenge, proof.Challenge, proof.Name)
		if mschap.Check(hash, challenge, proof.Response) {
			v.MSCHAPv2 = &identity.MSCHAPv2Success{Authenticator: mschap.AuthenticatorResponse(hash, challenge, proof.Response)}
			v.Voucher.Hash = 1
			return v
		}
	}
	return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword, Person: Person(name), NotBefore: s.NotBefore}
}

func (s *School) admit(name string, p *person) identity.Verdict {
	if p.out {
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonSuspended, Person: Person(name)}
	}
	return identity.Verdict{
		Outcome: identity.Accepted, Reason: identity.ReasonConfirmed, Person: Person(name), Login: identity.Login(name),
		Grant:   identity.Grant{VLAN: 20},
		Voucher: identity.Voucher{Person: Person(name), Epoch: p.epoch},
	}
}

// certificate admits the board, which is nobody, and people by their names.
func (s *School) certificate(c identity.Certificate) identity.Verdict {
	if c.CommonName == Board {
		return identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonConfirmed, Grant: identity.Grant{VLAN: 30}}
	}
	for _, name := range append([]string{c.CommonName}, c.UPNs...) {
		if p := s.people[bare(name)]; p != nil {
			return s.admit(bare(name), p)
		}
	}
	return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonUnknown}
}

// Resumable says whether Resume would admit.
func (s *School) Resumable(_ context.Context, v identity.Voucher, _ identity.Channel, _ identity.Source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again(v).Outcome == identity.Accepted
}

// Resume admits again while nothing has happened.
func (s *School) Resume(_ context.Context, v identity.Voucher, _ identity.Channel, _ identity.Source) identity.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resumed++
	return s.again(v)
}

func (s *School) again(v identity.Voucher) identity.Verdict {
	for name, p := range s.people {
		if Person(name) == v.Person && p.epoch == v.Epoch {
			return s.admit(name, p)
		}
	}
	return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonEpochMoved}
}
