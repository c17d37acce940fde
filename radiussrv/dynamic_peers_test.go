//go:build peers

package radiussrv_test

import (
	"context"
	"net/netip"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv"
)

// hostapd refuses a request with an attribute that it does not know (401), a
// NAS that is another (403), and what is unsigned or undated (silence). What it
// takes is answered: there is no such session.
func TestDisconnectAtHostapd(t *testing.T) {
	nas := radiustest.StartAccessPoint(t, "ap-1")
	at := netip.MustParseAddrPort(nas.Dynamic)
	client := radiussrv.Client{Name: "ap", Secret: radiustest.Secret, DynamicPort: at.Port()}
	ending := radiussrv.Session{Addr: at.Addr(), NASAddr: netip.MustParseAddr("127.0.0.1"), NASIdentifier: "ap-1", SessionID: "5F1A-1", Station: "02-00-00-00-00-01"}
	for identifier, cause := range map[string]uint32{"ap-1": 503, "": 503, "ap-2": 403} {
		ending.NASIdentifier = identifier
		answer, err := asker(t).Disconnect(t.Context(), &client, ending)
		if err != nil || answer.Done || answer.Cause != cause {
			t.Errorf("to %q: %+v, %v; it said:\n%s", identifier, answer, err, nas.Log())
		}
	}
}

// nobody signs in where only requests to a NAS are made.
type nobody struct{}

func (nobody) Authenticate(context.Context, identity.Credential) identity.Verdict {
	return identity.Verdict{}
}
