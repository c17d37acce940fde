package policy

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// VLAN is the network that somebody comes into: a number, or a name where the
// network calls its VLANs by name (RFC 3580 section 3.31 leaves the text of
// Tunnel-Private-Group-ID to the network). The zero value is the network's own.
type VLAN struct {
	Number uint16 // 1..4094, or 0
	Name   string
}

const maxVLANName = 32

// ParseVLAN reads "20" or "pupils"; "" and "0" are the network's own. A name
// begins with a letter and goes on with letters, digits, dot, hyphen and
// underscore, 32 at most.
func ParseVLAN(s string) (VLAN, error) {
	if s == "" || s == "0" {
		return VLAN{}, nil
	}
	if digits(s) {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 || n > MaxVLAN {
			return VLAN{}, fmt.Errorf("%s is no VLAN: 1 to %d, or a name", s, MaxVLAN)
		}
		return VLAN{Number: uint16(n)}, nil
	}
	if len(s) > maxVLANName || !letter(s[0]) || strings.ContainsFunc(s, func(c rune) bool {
		return c > '~' || !letter(byte(c)) && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
	}) {
		return VLAN{}, fmt.Errorf("%q is no VLAN: a number from 1 to %d, or a name of at most %d Latin letters, digits and . - _", s, MaxVLAN, maxVLANName)
	}
	return VLAN{Name: s}, nil
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

// String gives what ParseVLAN reads.
func (v VLAN) String() string {
	if v.Number != 0 {
		return strconv.Itoa(int(v.Number))
	}
	return v.Name
}

// IsZero says that the network decides.
func (v VLAN) IsZero() bool { return v == VLAN{} }

// Rate is a speed in bit/s, at most MaxRate.
type Rate uint32

// The bounds of a rate: less serves nobody, and more does not fit into the
// attributes that carry it.
const (
	MinRate Rate = 64_000
	MaxRate Rate = 4_000_000_000
)

var errRate = errors.New("write like 512k, 20M or 1G (bits a second), 64k to 4G")

// ParseRate reads "512k", "2.5M" or "1G": thousands, millions and milliards of
// bits a second.
func ParseRate(s string) (Rate, error) {
	if s == "" {
		return 0, errRate
	}
	scale := map[byte]float64{'k': 1e3, 'K': 1e3, 'm': 1e6, 'M': 1e6, 'g': 1e9, 'G': 1e9}[s[len(s)-1]]
	number := s[:len(s)-1]
	if scale == 0 || len(number) > 12 || !digits(strings.Replace(number, ".", "", 1)) {
		return 0, errRate
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n*scale < float64(MinRate) || n*scale > float64(MaxRate) {
		return 0, errRate
	}
	return Rate(math.Round(n * scale)), nil
}

// String gives what ParseRate reads; "" for none.
func (r Rate) String() string {
	if r == 0 {
		return ""
	}
	for _, unit := range []struct {
		of     Rate
		letter string
	}{{1e9, "G"}, {1e6, "M"}} {
		if r%(unit.of/1000) == 0 && r >= unit.of {
			return strconv.FormatFloat(float64(r)/float64(unit.of), 'f', -1, 64) + unit.letter
		}
	}
	return strconv.FormatFloat(float64(r)/1e3, 'f', -1, 64) + "k"
}
