package main

import (
	"encoding/json"
	"net/netip"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
)

// auditUnheard is the kind of lines about access points that cannot be listened
// to. They go when sign-ins do.
const auditUnheard = "sign_in_unheard"

// unheard brings to the audit trail, for explain, why an access point gets no
// answer. The reporter bounds how often.
func (d *daemon) unheard(why identity.Reason, client string, addr netip.Addr) {
	payload, err := json.Marshal(explain.SignIn{Channel: identity.ChannelWiFi.String(), NAS: client, Addr: addr.String(), Outcome: identity.Malformed.String(), Reason: why})
	if err != nil {
		return // never: it holds text only
	}
	d.trail.Audit(identity.AuditEntry{At: time.Now(), Kind: auditUnheard, Payload: payload})
}
