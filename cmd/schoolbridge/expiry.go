package main

import (
	"slices"

	"schoolbridge/config"
	"schoolbridge/internal/telemetry"
)

// The uses of certificates, as metric and log name them. "tls" serves LDAPS,
// StartTLS, RadSec and the web, and EAP; "eap" and "ldap_listener" are what those have
// of their own, the others are files of trusted authorities.
const (
	useTLS          = "tls"
	useEAP          = "eap" // what radius.eap has beside it
	useLDAPListener = "ldap_listener"
	useEAPClientsCA = "eap_clients_ca"
	useLDAPClients  = "ldap_clients_ca"
	useRadSecCA     = "radsec_clients_ca"
	useWiFiCA       = "wifi_ca"
	useMosruCA      = "mosru_ca"
	useADCA         = "ad_ca"
	useUpstreamCA   = "upstream_ca"
)

// authorityFile is a file of trusted authorities with its use; "" is none.
type authorityFile struct {
	use  string
	file config.File
}

// endings tells until when files of authorities are valid.
func endings(files ...authorityFile) ([]telemetry.Certificate, error) {
	var out []telemetry.Certificate
	for _, f := range files {
		if f.file == "" {
			continue
		}
		list, err := config.ReadCertificates(f.file)
		if err != nil {
			return nil, err
		}
		out = append(out, telemetry.Certificate{Use: f.use, Ends: config.AuthorityEnd(list)})
	}
	return out, nil
}

// soonest tells until when the first of several authorities is valid; none where
// there are none.
func soonest(use string, list []config.Authority) ([]telemetry.Certificate, error) {
	var files []authorityFile
	for _, a := range list {
		files = append(files, authorityFile{use, a.CAFile})
	}
	all, err := endings(files...)
	if len(all) == 0 {
		return nil, err
	}
	return []telemetry.Certificate{slices.MinFunc(all, func(a, b telemetry.Certificate) int { return a.Ends.Compare(b.Ends) })}, err
}
