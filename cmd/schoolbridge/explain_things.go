package main

import (
	"context"
	"slices"
	"strings"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
	"schoolbridge/ldapsrv"
)

// thing explains a service account of LDAP, a hardware address or a machine's name
// ("host/…", or one that the list knows); nil where the name is a person's. Seen
// says that the configuration or the trail knows such a thing.
func (e *explainer) thing(ctx context.Context, name string) (r *explain.Report, seen bool, err error) {
	inventory, err := inventoryOf(e.config)
	if err != nil {
		return nil, false, err
	}
	thing := e.empty(name)
	r = &thing
	if i := slices.IndexFunc(e.config.LDAP.Services, func(s config.Service) bool { return ldapsrv.SameDN(string(s.DN), name) }); i >= 0 {
		r.Thing = explain.ThingService
		r.Things = []explain.Thing{{Kind: r.Thing, Name: string(e.config.LDAP.Services[i].DN), School: strings.Join(e.config.LDAP.Services[i].Schools, " ")}}
		return r, true, nil
	}
	if r, ok, err := e.nas(ctx, name); ok || err != nil {
		return r, ok, err
	}
	if address, ok := identity.ParseHardwareAddress(name); ok {
		d, listed := inventory.Device(address)
		r.Thing, r.Account = policy.Device.String(), identity.ReasonUnknownDevice
		if listed {
			r.Account = ""
			r.Things = []explain.Thing{{Kind: r.Thing, Name: d.Name, School: e.school(d.School), VLAN: d.VLAN.String()}}
			e.thingChannels(r, "", d.Explain)
		}
		err = e.deviceSignIns(ctx, address, r)
		return r, listed || len(r.SignIns) > 0, err
	}
	host, isHost := strings.CutPrefix(strings.ToLower(name), "host/")
	host = identity.FoldMachineName(host)
	lines := inventory.AllNamed(host)
	if !isHost && len(lines) == 0 {
		return nil, false, nil
	}
	r.Thing = policy.Machine.String()
	if len(lines) == 0 {
		r.Account = identity.ReasonUnknownMachine
	}
	for _, m := range lines {
		r.Things = append(r.Things, explain.Thing{Kind: r.Thing, Name: m.Name, Authority: m.Authority, School: e.school(m.School), VLAN: m.VLAN.String()})
		e.thingChannels(r, m.Authority, m.Explain)
	}
	return r, true, e.machineSignIns(ctx, host, r)
}

// thingChannels asks the policy for every NAS client.
func (e *explainer) thingChannels(r *explain.Report, authority string, ask auth.ExplainFunc) {
	for _, nas := range e.config.RADIUS.Clients {
		answer := explain.Channel{Channel: identity.ChannelWiFi.String(), Where: strings.TrimSpace(authority + " " + nas.Name)}
		answer.Decided(ask(e.table, identity.Source{NAS: nas.Name, School: nas.School}, e.now))
		r.Channels = append(r.Channels, answer)
	}
}
