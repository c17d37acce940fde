package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// Device is a board, a printer or another thing that cannot sign in and that
// the school has listed. Its hardware address is no secret and proves nothing:
// whoever copies it gets what the device gets, and no more.
type Device struct {
	Address identity.HardwareAddress
	Name    string // for people: "board, room 12"
	School  person.SchoolID
	VLAN    policy.VLAN // goes before that of the rule; zero: the rule's
}

// Machines are the computers whose certificates one authority issued under
// one name.
type Machines struct {
	Authority string // its name in the configuration of the front-end
	// Name is a DNS name, or "*." and a domain for the names one label below it.
	Name   string
	School person.SchoolID
	VLAN   policy.VLAN // as a Device's
}

// Inventory is what a school owns, and which authorities name people. It never
// changes and may be shared; nil is an empty one.
type Inventory struct {
	devices  map[identity.HardwareAddress]Device
	machines []Machines
	byName   map[machineKey]int // the first of machines
	people   []string
}

type machineKey struct{ authority, name string }

// NewInventory checks the lists. people are the authorities whose certificates
// name a person. The error is a join of every fault.
func NewInventory(devices []Device, machines []Machines, people []string) (*Inventory, error) {
	n := &Inventory{devices: make(map[identity.HardwareAddress]Device, len(devices)), byName: make(map[machineKey]int, len(machines)), people: slices.Clone(people)}
	var faults []error
	for _, d := range devices {
		address, ok := identity.ParseHardwareAddress(string(d.Address))
		switch _, again := n.devices[address]; {
		case !ok:
			faults = append(faults, fmt.Errorf("device %q: %q is no hardware address", d.Name, d.Address))
		case again:
			faults = append(faults, fmt.Errorf("device %q: another one has the address %s", d.Name, address))
		case d.School == "":
			faults = append(faults, fmt.Errorf("device %q belongs to no school", d.Name))
		}
		d.Address = address
		n.devices[address] = d
	}
	for i, m := range machines {
		m.Name = identity.FoldMachineName(m.Name)
		key := machineKey{m.Authority, m.Name}
		switch _, again := n.byName[key]; {
		case !identity.MachinePattern(m.Name):
			faults = append(faults, fmt.Errorf("machines %q: the name is a DNS name, or *. and a domain", m.Name))
		case m.Authority == "" || m.School == "":
			faults = append(faults, fmt.Errorf("machines %q need an authority and a school", m.Name))
		case again:
			faults = append(faults, fmt.Errorf("machines %q are there twice for the authority %q", m.Name, m.Authority))
		}
		n.machines = append(n.machines, m)
		n.byName[key] = i
	}
	if slices.Contains(people, "") {
		faults = append(faults, errors.New("an authority without a name names nobody"))
	}
	return n, errors.Join(faults...)
}

// Device finds a listed device.
func (n *Inventory) Device(address identity.HardwareAddress) (Device, bool) {
	if n == nil {
		return Device{}, false
	}
	d, ok := n.devices[address]
	return d, ok
}

// Machines finds what fits one of a certificate's DNS names, and that name,
// folded; where several do, the one that was listed first.
func (n *Inventory) Machines(authority string, names []string) (m Machines, host string, ok bool) {
	if n == nil {
		return Machines{}, "", false
	}
	first := len(n.machines)
	for _, name := range names {
		name = identity.FoldMachineName(name)
		// A certificate for many is nobody's name.
		if strings.HasPrefix(name, "*.") || !identity.MachinePattern(name) {
			continue
		}
		_, domain, _ := strings.Cut(name, ".")
		for _, pattern := range []string{name, "*." + domain} {
			if i, ok := n.byName[machineKey{authority, pattern}]; ok && i < first {
				first, host = i, name
			}
		}
	}
	if first == len(n.machines) {
		return Machines{}, "", false
	}
	return n.machines[first], host, true
}

// Named finds what fits a DNS name, whoever issued the certificate: the line
// that was listed first.
func (n *Inventory) Named(name string) (Machines, bool) {
	if all := n.AllNamed(name); len(all) > 0 {
		return all[0], true
	}
	return Machines{}, false
}

// AllNamed finds the line that decides about a DNS name, for each authority that
// has one, in the order of the list.
func (n *Inventory) AllNamed(name string) []Machines {
	if n == nil {
		return nil
	}
	var all []Machines
	asked := map[string]bool{}
	name = identity.FoldMachineName(name)
	_, domain, _ := strings.Cut(name, ".")
	for _, m := range n.machines {
		if !asked[m.Authority] && (m.Name == name || m.Name == "*."+domain) {
			asked[m.Authority] = true
			all = append(all, m)
		}
	}
	return all
}

// names says that the authority's certificates name people.
func (n *Inventory) names(authority string) bool {
	return n != nil && slices.Contains(n.people, authority)
}

// Standing says what a thing that is there already would be given at now, or why
// it would not be admitted any more; of a certificate that names a person, only
// whether its authority still may.
func (n *Inventory) Standing(b *identity.Basis, table *policy.Table, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	switch {
	case b.Device != "":
		d, ok := n.Device(b.Device)
		if !ok {
			return identity.Grant{}, identity.ReasonUnknownDevice
		}
		return d.decide(table, identity.ChannelWiFi, src, now)
	case b.Machine != "":
		m, _, ok := n.Machines(b.Authority, []string{b.Machine})
		if !ok {
			return identity.Grant{}, identity.ReasonUnknownMachine
		}
		return m.decide(table, identity.ChannelWiFi, src, now)
	case !n.names(b.Authority):
		return identity.Grant{}, identity.ReasonWrongAuthority
	}
	return identity.Grant{}, ""
}

func (d Device) decide(table *policy.Table, channel identity.Channel, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	return decideThing(table, policy.Pair{Role: policy.Device, School: d.School}, d.VLAN, channel, src, now)
}

func (m Machines) decide(table *policy.Table, channel identity.Channel, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	return decideThing(table, policy.Pair{Role: policy.Machine, School: m.School}, m.VLAN, channel, src, now)
}

// decideThing asks the table about something that is no person.
func decideThing(table *policy.Table, pair policy.Pair, own policy.VLAN, channel identity.Channel, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	pairs := [1]policy.Pair{pair}
	grant, reason := table.Decide(pairs[:], channel, src, now)
	if reason != "" {
		return identity.Grant{}, reason
	}
	return into(grant, own), ""
}

// ExplainFunc is the Explain of a Device or of Machines.
type ExplainFunc func(table *policy.Table, src identity.Source, now time.Time) policy.Decision

// Explain says with every question what the table answers to the device.
func (d Device) Explain(table *policy.Table, src identity.Source, now time.Time) policy.Decision {
	return explainThing(table, policy.Pair{Role: policy.Device, School: d.School}, d.VLAN, src, now)
}

// Explain says with every question what the table answers to such a machine.
func (m Machines) Explain(table *policy.Table, src identity.Source, now time.Time) policy.Decision {
	return explainThing(table, policy.Pair{Role: policy.Machine, School: m.School}, m.VLAN, src, now)
}

func explainThing(table *policy.Table, pair policy.Pair, own policy.VLAN, src identity.Source, now time.Time) policy.Decision {
	d := table.Explain([]policy.Pair{pair}, identity.ChannelWiFi, &src, now)
	if d.Reason == "" {
		d.Grant = into(d.Grant, own)
	}
	return d
}

// into puts the VLAN that the list gives to a thing before that of the rule.
func into(g identity.Grant, own policy.VLAN) identity.Grant {
	if !own.IsZero() {
		g.VLAN, g.VLANName = own.Number, own.Name
	}
	return g
}
