package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

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
			revoked, err := readRevocationList(string(a.CRLFile))
			if err != nil {
				return nil, err
			}
			authority.Revoked = append(authority.Revoked, revoked)
		}
		all = append(all, authority)
	}
	return trust.New(all)
}

func readRevocationList(file string) (*x509.RevocationList, error) {
	der, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}
