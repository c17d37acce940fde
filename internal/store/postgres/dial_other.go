//go:build !linux

package postgres

import (
	"context"
	"net"
	"time"
)

// silence is how long a server may keep silent before the connection counts as broken.
const silence = 15 * time.Second

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 3, Count: 2}}
	return d.DialContext(ctx, network, address)
}
