package main

import (
	"schoolbridge/config"
	"schoolbridge/internal/trust"
)

// authorities loads who issues the certificates of devices, programs and people,
// and their revocation lists.
func authorities(list []config.Authority) (*trust.Set, error) {
	var all []trust.Authority
	for _, a := range list {
		certificates, err := config.ReadCertificates(a.CAFile)
		if err != nil {
			return nil, err
		}
		authority := trust.Authority{Name: a.Name, Certificates: certificates}
		if a.CRLFile != "" {
			revoked, err := config.ReadRevocationList(a.CRLFile)
			if err != nil {
				return nil, err
			}
			authority.Revoked = append(authority.Revoked, revoked)
		}
		all = append(all, authority)
	}
	return trust.New(all)
}
