package radius

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/telemetry"
)

// people is how many sign in, all with one password.
const (
	people   = 10_000
	password = "Snegir-2021"
)

func login(i int) string { return fmt.Sprintf("user%06d", i%people) }

func id(i int) (id identity.PersonID) {
	binary.BigEndian.PutUint64(id[:], uint64(i%people)+1)
	return id
}

// world stands for the store and for mos.ru, which answer at once; all between
// them and the socket is the product.
type world struct{ directory.Source }

func (world) Load(_ context.Context, _ func(person.School) error, entry func(*directory.Entry) error) (directory.Position, error) {
	for i := range people {
		name := login(i)
		e := &directory.Entry{Person: id(i), Subject: identity.Subject(name), Login: identity.Login(name), MosruLogin: name, UIDNumber: uint32(100_000 + i),
			Names: []person.Name{{Kind: person.NameMosru, Text: name}}, State: directory.StateActive, Epoch: 1,
			Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: "1001"}}}
		if err := entry(e); err != nil {
			return directory.Position{}, err
		}
	}
	return directory.Position{}, nil
}

func (world) SignIn(_ context.Context, login string, p identity.Password) (identity.Subject, error) {
	if p != password {
		return "", identity.ErrWrongPassword
	}
	return identity.Subject(login), nil
}

var nt = mschap.NTHash(password)

func (world) Verifier(context.Context, identity.PersonID) (auth.Verifier, error) {
	return auth.Verifier{NTHash: nt[:], Epoch: 1, LearnAt: time.Now()}, nil
}

func (world) SaveVerifier(context.Context, identity.PersonID, auth.Verifier) error { return nil }

func (world) Append(context.Context, []identity.AuditEntry) error { return nil }

// authenticator is the product's, with access control, audit and metrics.
func authenticator(ctx context.Context, r prometheus.Registerer) (*auth.Authenticator, error) {
	d := directory.New(world{}, directory.Options{Registerer: r})
	if err := d.Load(ctx); err != nil {
		return nil, err
	}
	rules := policy.Default()
	rules[0].VLAN = "20"
	table, err := policy.Compile(rules, time.UTC)
	if err != nil {
		return nil, err
	}
	trail := telemetry.NewTrail(world{}, telemetry.TrailOptions{Registerer: r})
	go func() { _ = trail.Run(ctx) }()
	return auth.New(auth.Options{Directory: d, Policy: func() *policy.Table { return table }, Upstream: world{}, Verifiers: world{}, Auditor: trail,
		EventsHealthy: func() bool { return true }, Registerer: r})
}
