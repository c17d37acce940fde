package config

import (
	"fmt"
	"strings"
)

// administration keeps groups from giving nothing, or everything to everybody.
func (d *decoder) administration(c *Config) {
	if d.faulty("web.administration") {
		return
	}
	if a := c.Web.Admin; a.Longest < a.Idle {
		d.faultAt("web.administration.idle", wrong(say("больше, чем web.administration.longest", "longer than web.administration.longest"), say("не больше longest", "at most longest")))
	}
	if len(c.Web.Admin.Groups) > 0 && !c.AD.On() {
		d.warn("web.administration.groups", wrong(say("Active Directory не подключён: группы никому прав не дадут", "no Active Directory is connected: the groups give nobody rights"),
			say("заполните раздел ad или выдайте права командой schoolbridge rights grant", "fill in the section ad, or grant rights by schoolbridge rights grant")))
	}
	managed := managedGroups(c.AD)
	for i, g := range c.Web.Admin.Groups {
		path := fmt.Sprintf("web.administration.groups[%d]", i)
		by := strings.Contains(g.Group, "{school}")
		city := g.Role == "operator" || g.Role == "auditor"
		d.belowBase(path+".group", g.Group)
		switch {
		case strings.ContainsAny(strings.ReplaceAll(g.Group, "{school}", ""), "{}"):
			d.faultAt(path+".group", wrong(say("неизвестная подстановка в %s", "an unknown placeholder in %s", show(g.Group)), say("бывает только {school}", "there is {school} only")))
		case managed[strings.ToLower(g.Group)]:
			d.faultAt(path+".group", wrong(say("в эту группу служба сама вносит всех: каждый стал бы администратором", "the daemon itself puts everybody into this group: all would be administrators"),
				say("заведите отдельную группу, членов которой вносят люди", "make a group of its own, to which people add members")))
		case city && (by || len(g.Schools) > 0):
			d.faultAt(path+".role", wrong(say("%s — на весь город", "%s is for the whole city", g.Role), say("уберите {school} и schools", "remove {school} and schools")))
		case !city && !by && len(g.Schools) == 0:
			d.faultAt(path+".role", wrong(say("не сказано, каких школ", "of which schools is not said"), say("напишите {school} в имени группы или перечислите schools", "write {school} into the group's name, or list schools")))
		case g.Role == "school" && !by && len(g.Schools) > 1:
			d.faultAt(path+".schools", wrong(say("school — на одну школу", "school is for one school"), say("для нескольких — curator", "curator is for several")))
		}
	}
}

// managedGroups are those of ad.groups and ad.places, in lower case: {role} is one
// of two.
func managedGroups(a AD) map[string]bool {
	all, managed := a.Groups, map[string]bool{}
	for _, p := range a.Places {
		all = append(all[:len(all):len(all)], p.Groups...)
	}
	for _, g := range all {
		for _, role := range []string{"staff", "pupil"} {
			managed[strings.ToLower(strings.ReplaceAll(g, "{role}", role))] = true
		}
	}
	return managed
}
