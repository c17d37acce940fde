//go:build !linux

package wire

// refuse and rest are for Linux, on which schools run. Elsewhere a request that
// comes while the server stops is not answered, and its client asks again.
func (u *udpLink) refuse() error { return nil }
func (b *batch) rest()           {}
