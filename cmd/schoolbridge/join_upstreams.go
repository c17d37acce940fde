package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/upstream"
	"schoolbridge/provision"
)

// upstreams makes the clients of the systems beside mos.ru.
func (d *daemon) upstreams() ([]auth.Home, error) {
	var homes []auth.Home
	for _, c := range d.config.Upstreams {
		checker, err := checkerOf(c)
		if err != nil {
			return nil, fmt.Errorf("upstreams, %s: %w", c.Name, err)
		}
		client, err := upstream.New(checker, upstream.Options{
			Name: string(c.Name), Timeout: c.Timeout, InFlight: c.InFlight, BreakerFailures: c.Breaker.Failures, BreakerOpenFor: c.Breaker.OpenFor,
			Confirmed: upstream.Confirmed{SNILS: slices.Contains(c.Confirmed, "snils"), Phone: slices.Contains(c.Confirmed, "phone"),
				Email: slices.Contains(c.Confirmed, "email"), Registration: slices.Contains(c.Confirmed, "registration")},
			Logger: d.log, Metrics: d.registry,
		})
		if err != nil {
			return nil, fmt.Errorf("upstreams, %s: %w", c.Name, err)
		}
		homes = append(homes, auth.Home{Name: client.Name(), Upstream: client, Profiler: client, Domains: c.Domains, Realms: c.Realms, Unmarked: c.Unmarked})
		d.health.Note("upstream "+client.Name(), func(context.Context) error {
			if client.State() != breaker.Closed {
				return errors.New("it did not answer when it was last asked: of its people those seen lately go on, others are told to come later")
			}
			return nil
		})
	}
	return homes, nil
}

// longestAsk bounds a question to whichever system: no less than what the
// configuration gives it.
func longestAsk(c *config.Config) time.Duration {
	most := max(10*time.Second, c.Mosru.Timeout)
	for _, u := range c.Upstreams {
		most = max(most, u.Timeout)
	}
	return most
}

func checkerOf(c config.Upstream) (upstream.Checker, error) {
	p := c.Profile
	fields := upstream.Fields{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle,
		SNILS: p.SNILS, Phone: p.Phone, Email: p.Email, Birth: p.BirthDate}
	if c.Kind == "http" {
		return httpChecker(c, fields)
	}
	roots, err := certPool(string(c.LDAP.CAFile))
	if err != nil {
		return nil, err
	}
	var servers []string
	for _, s := range c.LDAP.Servers {
		servers = append(servers, string(s))
	}
	binder, err := ldapclient.NewBinder(ldapclient.BinderOptions{Servers: servers, RootCAs: roots, Timeout: c.Timeout, Pause: c.Breaker.OpenFor})
	if err != nil {
		return nil, err
	}
	o := upstream.LDAPOptions{Binder: binder, Name: c.LDAP.Bind, Base: string(c.LDAP.Base), Filter: c.LDAP.Filter, Fields: fields}
	if len(c.Realms) > 0 {
		o.Realm = c.Realms[0]
	}
	if len(c.Domains) > 0 {
		o.Domain = c.Domains[0]
	}
	return upstream.NewLDAP(o)
}

func httpChecker(c config.Upstream, fields upstream.Fields) (upstream.Checker, error) {
	roots, err := certPool(string(c.HTTP.CAFile))
	if err != nil {
		return nil, err
	}
	o := upstream.HTTPOptions{URL: string(c.HTTP.URL), RootCAs: roots, Body: string(c.HTTP.Body), Fields: fields, InFlight: c.InFlight, Timeout: c.Timeout}
	if c.HTTP.SecretFile != "" {
		secret, err := config.ReadSecret(c.HTTP.SecretFile)
		if err != nil {
			return nil, err
		}
		o.Secret = identity.Password(secret)
	}
	for _, a := range c.HTTP.Answers {
		o.Rules = append(o.Rules, upstream.Rule{Status: a.Status, Field: a.Field, Value: a.Value, Outcome: a.Outcome})
	}
	return upstream.NewHTTP(o)
}

// upstreamAuthorities are those that the upstreams' certificates are of.
func upstreamAuthorities(list []config.Upstream) (all []config.Authority) {
	for _, u := range list {
		file := u.LDAP.CAFile
		if u.Kind == "http" {
			file = u.HTTP.CAFile
		}
		if file != "" {
			all = append(all, config.Authority{CAFile: file})
		}
	}
	return all
}

// reach says over whom an upstream may decide.
func reach(list []config.Upstream) func(string) (provision.Reach, bool) {
	roles := map[string]person.Role{"staff": person.RoleStaff, "pupil": person.RolePupil, "parent": person.RoleParent}
	return func(name string) (provision.Reach, bool) {
		i := slices.IndexFunc(list, func(u config.Upstream) bool { return string(u.Name) == name })
		if i < 0 {
			return provision.Reach{}, false
		}
		var r provision.Reach
		for _, role := range list[i].Roles {
			r.Roles = append(r.Roles, roles[role])
		}
		if !list[i].AnySchool() {
			r.Schools = []person.SchoolID{}
			for _, school := range list[i].Schools {
				r.Schools = append(r.Schools, person.SchoolID(school))
			}
		}
		return r, true
	}
}

// marked gives the system whose mark a typed name has, as the authenticator finds
// it, or "".
func marked(c *config.Config, typed string) string {
	domain, _, slashed := strings.Cut(typed, `\`)
	realm := typed[strings.LastIndexByte(typed, '@')+1:]
	among := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
	}
	for _, u := range c.Upstreams {
		if slashed && among(u.Domains, domain) || len(realm) < len(typed) && among(u.Realms, realm) {
			return string(u.Name)
		}
	}
	return ""
}

// holderOf finds whoever has a name as somebody typed it; identity.ErrNotFound also
// where it has another system's mark than the person's.
func holderOf(ctx context.Context, db *store.DB, c *config.Config, typed string) (store.Holder, error) {
	holder, err := db.Accounts().Find(ctx, bareName(c, typed))
	if mark := marked(c, typed); err == nil && mark != "" && holder.Subject.Upstream() != mark {
		return store.Holder{}, identity.ErrNotFound
	}
	return holder, err
}

// homeOf gives the system that a name belongs to by its look, "" for mos.ru. Whoever
// has the name does not matter: that is not for everybody to know.
func homeOf(c *config.Config, typed string) string {
	name := marked(c, typed)
	i := slices.IndexFunc(c.Upstreams, func(u config.Upstream) bool { return u.Unmarked })
	if name == "" && i >= 0 && person.Classify(bareName(c, typed)) == person.ShapeLogin {
		name = string(c.Upstreams[i].Name)
	}
	return name
}

// bareName takes what people write around a login off, whichever system the login
// belongs to.
func bareName(c *config.Config, typed string) string {
	domains, realms := c.Names.Domains, c.Names.Realms
	for _, u := range c.Upstreams {
		domains, realms = slices.Concat(domains, u.Domains), slices.Concat(realms, u.Realms)
	}
	return auth.BareName(typed, domains, realms)
}
