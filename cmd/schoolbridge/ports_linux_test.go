package main

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// Connections ask whether their client is alive as the listener says.
func TestKeepAliveOfListener(t *testing.T) {
	l, err := listenAlive(t.Context(), "LDAP", "127.0.0.1:0", net.KeepAliveConfig{Enable: true, Idle: 77 * time.Second, Interval: 11 * time.Second, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for option, want := range map[int]int{syscall.TCP_KEEPIDLE: 77, syscall.TCP_KEEPINTVL: 11, syscall.TCP_KEEPCNT: 4} {
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option); err != nil || got != want {
				t.Errorf("option %d is %d, not %d: %v", option, got, want, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
