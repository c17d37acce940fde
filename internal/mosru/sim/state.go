package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"schoolbridge/internal/identity"
)

// state is what outlives a restart.
type state struct {
	TokenKeys []storedKey               `json:"token_keys"`
	EventKey  storedKey                 `json:"event_key"`
	Accounts  map[string]accountChanges `json:"accounts"`
}

// accountChanges are an account's differences from Options.
type accountChanges struct {
	Password string           `json:"password"` // in clear: they are invented
	Subject  identity.Subject `json:"subject"`
	Flags    Flags            `json:"flags"`

	SNILSConfirmed bool `json:"snils_confirmed"`
	Trusted        bool `json:"trusted"`
	PhoneVerified  bool `json:"phone_verified"`
	EmailVerified  bool `json:"email_verified"`

	// Names that a file of an older version does not have.
	Last   *string `json:"last,omitempty"`
	First  *string `json:"first,omitempty"`
	Middle *string `json:"middle,omitempty"`
}

func readState(path string) (state, error) {
	var s state
	if path == "" {
		return s, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return state{}, fmt.Errorf("state of the simulated mos.ru: %w; remove the file to start over", err)
	}
	return s, nil
}

func (p *people) restore(kept map[string]accountChanges) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for login, c := range kept {
		a := p.byKey[strings.ToLower(login)]
		if a == nil {
			continue
		}
		a.changed = true
		a.Password, a.Flags = identity.Password(c.Password), c.Flags
		a.Profile.Subject, a.Profile.SNILSConfirmed, a.Profile.Trusted = c.Subject, c.SNILSConfirmed, c.Trusted
		a.Profile.PhoneVerified, a.Profile.EmailVerified = c.PhoneVerified, c.EmailVerified
		put(&a.Profile.Last, c.Last)
		put(&a.Profile.First, c.First)
		put(&a.Profile.Middle, c.Middle)
	}
}

func (p *people) changes() map[string]accountChanges {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]accountChanges{}
	for login, a := range p.byKey {
		if a.changed {
			pr := a.Profile
			all[login] = accountChanges{
				string(a.Password), pr.Subject, a.Flags, pr.SNILSConfirmed, pr.Trusted, pr.PhoneVerified, pr.EmailVerified,
				&pr.Last, &pr.First, &pr.Middle,
			}
		}
	}
	return all
}

// save writes the state file whole or not at all.
func (s *Server) save() error {
	if s.o.StateFile == "" {
		return nil
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	s.keys.mu.Lock()
	st := state{TokenKeys: s.keys.tokens, EventKey: s.keys.event}
	s.keys.mu.Unlock()
	st.Accounts = s.people.changes()
	text, err := json.MarshalIndent(st, "", " ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.o.StateFile), ".mosru-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the state of the simulated mos.ru: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.o.StateFile)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("keep the state of the simulated mos.ru: %w", err)
	}
	return nil
}
