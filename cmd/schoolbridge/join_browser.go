package main

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/mosru"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/activation"
)

// mosruPage is mos.ru's own sign-in page as activation knows it.
type mosruPage struct{ *mosru.Client }

var _ activation.Mosru = mosruPage{}

// AuthorizeURL implements activation.Mosru.
func (m mosruPage) AuthorizeURL(a activation.Attempt) string {
	return m.Client.AuthorizeURL(mosru.Attempt(a))
}

// Redeem implements activation.Mosru.
func (m mosruPage) Redeem(ctx context.Context, a activation.Attempt, code string) (person.Profile, error) {
	return m.Client.Redeem(ctx, mosru.Attempt(a), code)
}

// browsersEach is in how many browsers somebody may be signed in at once.
const browsersEach = 10

// browsers are the sessions of the store as the web front-end knows them.
type browsers struct{ *store.WebSessions }

var _ web.Sessions = browsers{}

// Begin implements web.Sessions.
func (b browsers) Begin(ctx context.Context, s web.Kept) error {
	return b.WebSessions.Begin(ctx, store.WebSession(s), browsersEach)
}

// Find implements web.Sessions.
func (b browsers) Find(ctx context.Context, handle [32]byte, now time.Time) (web.Kept, error) {
	s, err := b.WebSessions.Find(ctx, handle, now)
	return web.Kept(s), err
}

// Renew implements web.Sessions.
func (b browsers) Renew(ctx context.Context, s web.Kept, found time.Time) error {
	return moved(b.WebSessions.Renew(ctx, store.WebSession(s), found))
}

// Replace implements web.Sessions.
func (b browsers) Replace(ctx context.Context, s web.Kept, old [32]byte, found time.Time) error {
	return moved(b.WebSessions.Replace(ctx, store.WebSession(s), old, found))
}

// moved is an error of the store as the web front-end knows it.
func moved(err error) error {
	if errors.Is(err, store.ErrSessionMoved) {
		return web.ErrSessionMoved
	}
	return err
}
