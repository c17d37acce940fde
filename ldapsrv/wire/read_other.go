//go:build !unix

package wire

import "net"

const socketReads = false

func (*pduReader) readSocket(uintptr) bool { return true }

func unread(net.Conn) bool { return false }
