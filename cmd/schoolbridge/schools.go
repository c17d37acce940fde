package main

import (
	"schoolbridge/config"
	"schoolbridge/internal/person"
)

// tellSchools warns of schools in the configuration that no registry knows: a
// slip in one shuts out its pupils, boards and computers, or hides its people,
// without any fault. Before the first import of registries there is nothing to
// compare with.
func (d *daemon) tellSchools(c *config.Config) {
	if len(d.people.Schools()) == 0 {
		return
	}
	told := map[string]bool{}
	tell := func(option, school string) {
		if school == "" || told[school] {
			return
		}
		if _, known := d.people.School(person.SchoolID(school)); !known {
			told[school] = true
			d.log.Warn("a school of the configuration is in no registry", "option", option, "school", school,
				"remedy", "write its ekis_id as the registry of schools has it, with the zeros in front")
		}
	}
	for _, client := range c.RADIUS.Clients {
		tell("radius.clients "+client.Name, client.School)
	}
	for _, device := range c.RADIUS.Devices { // those of devices_file too
		tell("radius.devices", device.School)
	}
	for _, machines := range c.RADIUS.Machines {
		tell("radius.machines "+string(machines.Name), machines.School)
	}
	list := func(option string, schools []string) {
		for _, school := range schools {
			if school != "own" && school != "any" {
				tell(option, school)
			}
		}
	}
	for _, rule := range c.Policy.Rules {
		list("policy.rules "+rule.Name, rule.Schools)
	}
	for _, service := range c.LDAP.Services {
		list("ldap.services "+string(service.DN), service.Schools)
	}
	for _, access := range c.LDAP.Access {
		list("ldap.access "+access.Name, access.Schools)
	}
}
