package main

import (
	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/person"
)

// inventoryOf makes the lists of devices and machines that a configuration has.
func inventoryOf(c *config.Config) (*auth.Inventory, error) {
	devices := make([]auth.Device, 0, len(c.RADIUS.Devices))
	for _, d := range c.RADIUS.Devices {
		devices = append(devices, auth.Device{Address: d.Address.Canonical(), Name: d.Name, School: person.SchoolID(d.School), VLAN: d.VLAN.Parsed()})
	}
	machines := make([]auth.Machines, 0, len(c.RADIUS.Machines))
	for _, m := range c.RADIUS.Machines {
		machines = append(machines, auth.Machines{Authority: m.Authority, Name: string(m.Name), School: person.SchoolID(m.School), VLAN: m.VLAN.Parsed()})
	}
	return auth.NewInventory(devices, machines, c.RADIUS.PeopleAuthorities)
}
