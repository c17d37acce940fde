//go:build !unix

package wire

const socketReads = false

func (*pduReader) readSocket(uintptr) bool { return true }
