//go:build !linux

package wire

import (
	"errors"
	"net"
)

// learnDestination is for Linux; elsewhere one listens on each address.
func learnDestination(*net.UDPConn) error {
	return errors.New("listening on all addresses needs Linux; name each address instead")
}

func returnControl([]byte) int { return 0 }
