package radiussrv

import (
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// Vendor says whose words a client understands beside the standard ones.
type Vendor string

// The vendors. WISPr's two rates, in bit/s, go to every client: they are what
// most access points read, Ubiquiti's, Cambium's and Aruba's among them, and
// who does not know a vendor's attribute passes over it (RFC 2865 section 5.26).
const (
	VendorWISPr    Vendor = "wispr" // and nothing else; the zero value is the same
	VendorAruba    Vendor = "aruba"
	VendorCisco    Vendor = "cisco" // wireless controllers
	VendorHPE      Vendor = "hpe"   // switches
	VendorMikroTik Vendor = "mikrotik"
	VendorRuckus   Vendor = "ruckus"
	VendorUbiquiti Vendor = "ubiquiti" // WISPr's, under the name that people look for
)

// Vendors lists all.
func Vendors() []Vendor {
	return []Vendor{VendorWISPr, VendorAruba, VendorCisco, VendorHPE, VendorMikroTik, VendorRuckus, VendorUbiquiti}
}

func (v Vendor) known() bool { return v == "" || slices.Contains(Vendors(), v) }

// Enterprise numbers, and the attributes by their vendors' dictionaries.
const (
	enterpriseHP        = 11
	enterpriseWISPr     = 14122
	enterpriseAirespace = 14179 // Cisco's controllers
	enterpriseAruba     = 14823
	enterpriseMikroTik  = 14988
	enterpriseRuckus    = 25053

	wisprBandwidthMaxUp   = 7 // bit/s
	wisprBandwidthMaxDown = 8

	arubaUserRole    = 1
	hpUserRole       = 25
	ruckusUserGroups = 1

	airespaceACLName = 6
	airespaceDown    = 7  // Data-Bandwidth-Average-Contract, kbit/s
	airespaceUp      = 13 // Data-Bandwidth-Average-Contract-Upstream

	hpIngress = 46 // kbit/s, of the device
	hpEgress  = 48 // of the port

	mikrotikRateLimit  = 8 // "rx/tx" as the router sees it: what the device sends comes first
	mikrotikVLANID     = 26
	mikrotikVLANIDType = 27
	mikrotik8021Q      = 0
)

// addVendor says in the client's own words what the standard has none for:
// rates; and the filter, where the vendor has something of the kind that is
// chosen by name.
func addVendor(reply *wire.Reply, vendor Vendor, g identity.Grant) {
	rate := func(enterprise uint32, kind byte, bits, unit uint32) {
		if bits > 0 {
			reply.AddVendorUint32(enterprise, kind, max(bits/unit, 1))
		}
	}
	rate(enterpriseWISPr, wisprBandwidthMaxUp, g.Up, 1)
	rate(enterpriseWISPr, wisprBandwidthMaxDown, g.Down, 1)
	filter := clip(g.Filter, maxFilterBytes-6)
	switch vendor {
	case VendorAruba:
		reply.AddVendorText(enterpriseAruba, arubaUserRole, filter)
	case VendorCisco:
		reply.AddVendorText(enterpriseAirespace, airespaceACLName, filter)
		rate(enterpriseAirespace, airespaceDown, g.Down, 1000)
		rate(enterpriseAirespace, airespaceUp, g.Up, 1000)
	case VendorHPE:
		reply.AddVendorText(enterpriseHP, hpUserRole, filter)
		rate(enterpriseHP, hpIngress, g.Up, 1000)
		rate(enterpriseHP, hpEgress, g.Down, 1000)
	case VendorMikroTik:
		if g.Down > 0 || g.Up > 0 { // 0 is no limit there too
			reply.AddVendorText(enterpriseMikroTik, mikrotikRateLimit, fmt.Sprintf("%dk/%dk", g.Up/1000, g.Down/1000))
		}
		if g.VLAN > 0 {
			reply.AddVendorUint32(enterpriseMikroTik, mikrotikVLANID, uint32(g.VLAN))
			reply.AddVendorUint32(enterpriseMikroTik, mikrotikVLANIDType, mikrotik8021Q)
		}
	case VendorRuckus:
		reply.AddVendorText(enterpriseRuckus, ruckusUserGroups, filter)
	}
}
