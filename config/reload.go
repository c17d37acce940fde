package config

import (
	"reflect"
	"slices"
	"strings"
)

// reloadable are the options that a running daemon takes anew.
var reloadable = []string{"tls", "ldap.certificates", "ldap.services", "ldap.access", "radius.clients", "radius.client_ca_file", "radius.devices", "radius.devices_file", "radius.machines",
	"radius.people_authorities", "radius.eap.certificate_file", "radius.eap.key_file", "radius.eap.rsa_certificate_file", "radius.eap.rsa_key_file",
	"radius.eap.authorities", "wifi", "policy.rules", "mosru.events.keys_file"}

// Reloadable names the options that differ and need a restart; none means
// that a reload does it all. Contents of files are not compared. old is what
// the daemon began with, whatever was reloaded since.
func Reloadable(old, new *Config) []string {
	var changed []string
	// A certificate is replaced, but TLS is not switched on or off.
	if (old.TLS.CertificateFile == "") != (new.TLS.CertificateFile == "") {
		changed = append(changed, "tls")
	}
	// Nor is EAP, or EAP-TLS.
	if old.EAPOn() != new.EAPOn() || (len(old.RADIUS.EAP.Authorities) == 0) != (len(new.RADIUS.EAP.Authorities) == 0) {
		changed = append(changed, "radius.eap")
	}
	// Accounts stand below the base.
	if old.LDAP.Base != new.LDAP.Base && !reflect.DeepEqual(old.LDAP.Services, new.LDAP.Services) {
		changed = append(changed, "ldap.services")
	}
	was, is := *old, *new
	alone := old.TLS.CertificateFile == "" && new.TLS.CertificateFile == ""
	was.LDAP.Listeners, is.LDAP.Listeners = withoutCertificates(old.LDAP.Listeners, alone), withoutCertificates(new.LDAP.Listeners, alone)
	compare(reflect.ValueOf(was), reflect.ValueOf(is), "", &changed)
	return changed
}

// withoutCertificates leaves out what of listeners is taken anew. alone: a listener
// without one of its own has none, so that having one is as good as TLS.
func withoutCertificates(list []Listener, alone bool) []Listener {
	list = slices.Clone(list)
	for i := range list {
		has := list[i].CertificateFile != ""
		list[i].CertificateFile, list[i].KeyFile = "", ""
		if alone && has {
			list[i].CertificateFile = "one"
		}
	}
	return list
}

func compare(old, new reflect.Value, path string, changed *[]string) {
	for i := range old.NumField() {
		here := join(path, old.Type().Field(i).Tag.Get("yaml"))
		switch {
		case covered(here):
		case section(old.Field(i).Type()):
			compare(old.Field(i), new.Field(i), here, changed)
		case !reflect.DeepEqual(old.Field(i).Interface(), new.Field(i).Interface()):
			*changed = append(*changed, here)
		}
	}
}

func covered(path string) bool {
	for _, r := range reloadable {
		if path == r || strings.HasPrefix(path, r+".") {
			return true
		}
	}
	return false
}
