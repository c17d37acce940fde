package tunnel

import "crypto/tls"

// Labels of the exporters.
const (
	// LabelTLS is of EAP-TLS and PEAP over TLS 1.2 (RFC 5216 section 2.3).
	LabelTLS = "client EAP encryption"
	// LabelTTLS is of EAP-TTLS over TLS 1.2 (RFC 5281 section 8).
	LabelTTLS = "ttls keying material"
	// label13 is of all of them over TLS 1.3, with the type for a context
	// (RFC 9190 section 2.3, RFC 9427 section 2.1).
	label13 = "EXPORTER_EAP_TLS_Key_Material"
)

// exportMSK gives the Master Session Key, or nil where TLS has none to give:
// without Extended Master Secret (RFC 7627 section 5.4).
//
// MSK and EMSK are one export of 128 bytes; TLS 1.3 mixes the length in, so 64
// would be another key. The second half, the EMSK, ends here.
func exportMSK(state *tls.ConnectionState, m Method) *[64]byte {
	label, context := m.Label(), []byte(nil)
	if state.Version >= tls.VersionTLS13 {
		label, context = label13, []byte{byte(m.Type())}
	}
	both, err := state.ExportKeyingMaterial(label, context, 128)
	if err != nil {
		return nil
	}
	msk := [64]byte(both)
	clear(both)
	return &msk
}
