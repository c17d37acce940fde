package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

// thingsRead is how many attempts of nobody in particular a report goes back:
// those of devices and machines are among them.
const thingsRead = 5000

// thing explains a hardware address or a machine's name ("host/…", or one that
// the list knows); false where the name is a person's.
func (e *explainer) thing(ctx context.Context, name string, r *explain.Report) (bool, error) {
	inventory, err := inventoryOf(e.config)
	if err != nil {
		return false, err
	}
	if address, ok := identity.ParseHardwareAddress(name); ok {
		d, listed := inventory.Device(address)
		r.Thing, r.Account = policy.Device.String(), identity.ReasonUnknownDevice
		if listed {
			r.Account = ""
			r.Things = []explain.Thing{{Kind: r.Thing, Name: d.Name, School: e.school(d.School), VLAN: d.VLAN.String()}}
			e.thingChannels(r, "", d.Explain)
		}
		return true, e.thingSignIns(ctx, r, func(p thingPayload) bool {
			named, ok := identity.ParseHardwareAddress(p.Login)
			return ok && named == address
		})
	}
	host, isHost := strings.CutPrefix(strings.ToLower(name), "host/")
	host = identity.FoldMachineName(host)
	lines := inventory.AllNamed(host)
	if !isHost && len(lines) == 0 {
		return false, nil
	}
	r.Thing = policy.Machine.String()
	if len(lines) == 0 {
		r.Account = identity.ReasonUnknownMachine
	}
	for _, m := range lines {
		r.Things = append(r.Things, explain.Thing{Kind: r.Thing, Name: m.Name, Authority: m.Authority, School: e.school(m.School), VLAN: m.VLAN.String()})
		e.thingChannels(r, m.Authority, m.Explain)
	}
	return true, e.thingSignIns(ctx, r, func(p thingPayload) bool { return p.Machine == host })
}

// thingChannels asks the policy for every school's Wi-Fi.
func (e *explainer) thingChannels(r *explain.Report, authority string, ask auth.ExplainFunc) {
	seen := map[string]bool{}
	for _, nas := range e.config.RADIUS.Clients {
		if seen[nas.School] {
			continue
		}
		seen[nas.School] = true
		answer := explain.Channel{Channel: identity.ChannelWiFi.String(), Where: strings.TrimSpace(authority + " " + nas.Name)}
		answer.Decided(ask(e.table, identity.Source{NAS: nas.Name, School: nas.School}, e.now))
		r.Channels = append(r.Channels, answer)
	}
}

// thingPayload is what tells in the trail whose attempt a line is.
type thingPayload struct {
	Login   string `json:"login"`
	Machine string `json:"machine"`
}

// thingSignIns reads the attempts of a thing from the trail, and leaves a line
// there of who asked.
func (e *explainer) thingSignIns(ctx context.Context, r *explain.Report, whose func(thingPayload) bool) error {
	entries, err := e.db.Audit().Recent(ctx, identity.PersonID{}, thingsRead, auth.AuditSignIn)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var p thingPayload
		var s explain.SignIn
		if entry.Payload == nil {
			continue
		}
		if err := json.Unmarshal(entry.Payload, &p); err != nil {
			return fmt.Errorf("read the audit trail: %w", err)
		}
		if !whose(p) || len(r.SignIns) == signInsRead {
			continue
		}
		if err := json.Unmarshal(entry.Payload, &s); err != nil {
			return fmt.Errorf("read the audit trail: %w", err)
		}
		s.At = entry.At
		r.SignIns = append(r.SignIns, s)
	}
	return e.audit(ctx, identity.PersonID{}, r.Asked)
}
