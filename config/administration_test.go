package config

import (
	"strings"
	"testing"
)

func TestAdministrationGroups(t *testing.T) {
	const head = "mosru: {url: 'https://a.example', client_id: a, client_secret_file: secret}\nad: {server: 'ldaps://dc1.obr.example', bind: b, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr', " +
		"groups: ['CN={role}-{school},OU=g'], places: [{groups: ['CN=pupils']}]}\nweb:\n  administration:\n    groups:\n"
	for group, want := range map[string]string{
		"{group: 'CN=a-{school},OU=x', role: school}":                     "",
		"{group: 'CN=a-{school},OU=x', role: curator, schools: ['1']}":    "",
		"{group: 'CN=a', role: curator, schools: ['1', '2']}":             "",
		"{group: 'CN=a', role: operator}":                                 "",
		"{group: 'CN=a', role: operator, schools: ['1']}":                 "operator is for the whole city",
		"{group: 'CN=a-{school}', role: auditor}":                         "auditor is for the whole city",
		"{group: 'CN=a', role: school}":                                   "of which schools is not said",
		"{group: 'CN=a', role: school, schools: ['1', '2']}":              "school is for one school",
		"{group: 'CN=a-{role}', role: auditor}":                           "an unknown placeholder",
		"{group: 'CN=STAFF-{school},ou=g', role: school}":                 "the daemon itself puts everybody into this group",
		"{group: 'CN=pupils', role: auditor}":                             "the daemon itself puts everybody into this group",
		"{group: 'CN=pupil-{school},OU=g', role: school, schools: ['1']}": "the daemon itself puts everybody into this group",
		"{role: auditor}":                                  "group",
		"{group: 'OU=a', role: auditor}":                   "no name below ad.base",
		"{group: 'admins', role: auditor}":                 "no name below ad.base",
		"{group: 'CN=a,OU=s,DC=obr', role: auditor}":       "no name below ad.base",
		"{group: 'CN=,OU=s', role: auditor}":               "no name below ad.base",
		"{group: 'CN=a+b,OU=s', role: auditor}":            "no name below ad.base",
		"{group: 'CN=a\\+b\\, c , ou = s', role: auditor}": "",
	} {
		_, faults := Check([]byte(head+"      - "+group+"\n"), folder(t))
		said := lines(faults)
		if (want == "") == strings.Contains(said, "administration") || !strings.Contains(said, want) {
			t.Errorf("%s:\n%s", group, said)
		}
	}
	_, faults := Check([]byte("mosru: {url: 'https://a.example', client_id: a, client_secret_file: secret}\nweb: {administration: {idle: 1h, longest: 30m, groups: [{group: 'CN=a', role: auditor}]}}\n"), folder(t))
	if said := lines(faults); !strings.Contains(said, "longer than web.administration.longest") || !strings.Contains(said, "no Active Directory is connected") {
		t.Error(said)
	}
}
