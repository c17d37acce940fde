package probe

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"schoolbridge/radiussrv/wire"
)

// form is how an attribute's value is read.
type form uint8

const (
	plain      form = iota // text, escaped
	number                 // four bytes
	address                // four bytes
	tagged                 // a tag and three bytes (RFC 2868)
	taggedText             // perhaps a tag, then text
	secret                 // not shown
)

// standard are the attributes worth a name; others are shown by number.
var standard = map[wire.Type]struct {
	name string
	form form
}{
	1: {"User-Name", plain}, 6: {"Service-Type", number}, 8: {"Framed-IP-Address", address}, 11: {"Filter-Id", plain},
	12: {"Framed-MTU", number}, 18: {"Reply-Message", plain}, 24: {"State", secret}, 25: {"Class", plain},
	27: {"Session-Timeout", number}, 28: {"Idle-Timeout", number}, 29: {"Termination-Action", number}, 33: {"Proxy-State", secret},
	64: {"Tunnel-Type", tagged}, 65: {"Tunnel-Medium-Type", tagged}, 69: {"Tunnel-Password", secret}, 79: {"EAP-Message", secret},
	80: {"Message-Authenticator", secret}, 81: {"Tunnel-Private-Group-Id", taggedText}, 85: {"Acct-Interim-Interval", number},
	89: {"Chargeable-User-Identity", plain}, 102: {"EAP-Key-Name", secret}, 126: {"Operator-Name", plain},
}

// vendors are those of access points, and Microsoft.
var vendors = map[uint32]string{9: "Cisco", 311: "Microsoft", 4413: "Broadcom", 2011: "Huawei", 14122: "WISPr", 14179: "Airespace",
	14823: "Aruba", 14988: "Mikrotik", 25053: "Ruckus", 41112: "Ubiquiti", 11863: "TP-Link"}

// vendorNames are attributes of theirs worth a name.
var vendorNames = map[[2]uint32]struct {
	name string
	form form
}{
	{14122, 7}: {"WISPr-Bandwidth-Max-Up", number}, {14122, 8}: {"WISPr-Bandwidth-Max-Down", number},
	{14988, 8}: {"Mikrotik-Rate-Limit", plain}, {14988, 26}: {"Mikrotik-Wireless-VLANID", number},
}

// attributes reads an answer: what it grants, by name, and the VLAN.
func attributes(p *wire.Packet) (all []Attribute, vlan string) {
	for kind, value := range p.Attributes() {
		if kind == wire.VendorSpecific {
			all = append(all, vendor(value)...)
			continue
		}
		known, ok := standard[kind]
		if ok && known.form == secret {
			continue
		}
		if !ok {
			known.name = "Attribute-" + strconv.Itoa(int(kind))
		}
		shown := show(known.form, value)
		if kind == wire.TunnelPrivateGroupID && vlan == "" {
			vlan = shown
		}
		all = append(all, Attribute{known.name, shown})
	}
	return all, vlan
}

// vendor reads a Vendor-Specific attribute. Microsoft's hold keys and proofs.
func vendor(value []byte) (all []Attribute) {
	for v := range wire.SplitVendor(value) {
		name := vendors[v.Vendor]
		if name == "" {
			name = "Vendor-" + strconv.FormatUint(uint64(v.Vendor), 10)
		}
		shown := show(plain, v.Value)
		if v.Vendor == wire.Microsoft {
			if v.Type != wire.MSCHAPError || len(v.Value) < 1 {
				continue
			}
			name, shown = "MS-CHAP-Error", show(plain, v.Value[1:])
			all = append(all, Attribute{name, shown})
			continue
		}
		name = fmt.Sprintf("%s-%d", name, v.Type)
		if known, ok := vendorNames[[2]uint32{v.Vendor, uint32(v.Type)}]; ok {
			name, shown = known.name, show(known.form, v.Value)
		}
		all = append(all, Attribute{name, shown})
	}
	return all
}

// show reads a value; one that does not fit its form is shown as text or hex.
func show(f form, v []byte) string {
	switch {
	case f == number && len(v) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(v)), 10)
	case f == address && len(v) == 4:
		return netip.AddrFrom4([4]byte(v)).String()
	case f == tagged && len(v) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(v)&0xffffff), 10)
	case f == taggedText && len(v) > 1 && v[0] <= 0x1f: // RFC 2868 section 3.6
		v = v[1:]
	}
	if printable(v) {
		return clean(string(v))
	}
	return "0x" + hex.EncodeToString(v)
}

func printable(v []byte) bool {
	return utf8.Valid(v) && !strings.ContainsFunc(string(v), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' })
}

// clean keeps what others sent from driving the terminal.
func clean(s string) string {
	quoted := strconv.Quote(s)
	quoted = quoted[1 : len(quoted)-1]
	return strings.ReplaceAll(quoted, `\"`, `"`)
}

func fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

func publicKeyName(key any, algorithm x509.PublicKeyAlgorithm) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return algorithm.String()
}
