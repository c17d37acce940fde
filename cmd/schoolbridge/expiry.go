package main

import (
	"schoolbridge/config"
	"schoolbridge/internal/telemetry"
)

// The uses of certificates, as metric and log name them. "tls" serves LDAPS,
// StartTLS, RadSec and the web; the others are files of trusted authorities.
const (
	useTLS      = "tls"
	useRadSecCA = "radsec_clients_ca"
	useWiFiCA   = "wifi_ca"
	useMosruCA  = "mosru_ca"
	useADCA     = "ad_ca"
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
