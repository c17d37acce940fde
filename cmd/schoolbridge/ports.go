package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"schoolbridge/internal/said"
)

// listen opens a TCP port, or says in one line what is in the way and what to do.
func listen(ctx context.Context, what, address string) (net.Listener, error) {
	return listenAlive(ctx, what, address, net.KeepAliveConfig{Enable: true})
}

// listenAlive is listen with a say in how dead clients are found.
func listenAlive(ctx context.Context, what, address string, alive net.KeepAliveConfig) (net.Listener, error) {
	l, err := (&net.ListenConfig{KeepAliveConfig: alive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, portFault("tcp", what, address, err)
	}
	return l, nil
}

// listenUDP is listen for datagrams.
func listenUDP(ctx context.Context, what, address string) (*net.UDPConn, error) {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, portFault("udp", what, address, err)
	}
	return conn.(*net.UDPConn), nil
}

func portFault(network, what, address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return said.Errorf("порт %[1]s/%[2]s занят: остановите программу, которая его держит (её назовёт ss -lntup 'sport = :%[4]s'), и запустите снова / port %[1]s/%[2]s for %[3]s is taken: stop the program that holds it (ss -lntup 'sport = :%[4]s' names it), then start again", address, network, what, port)
	case errors.Is(err, syscall.EACCES):
		return said.Errorf("порт %[1]s/%[2]s не разрешён этому пользователю: ниже 1024 нужно право CAP_NET_BIND_SERVICE, его даёт packaging/schoolbridge.service, а в контейнере — sysctl net.ipv4.ip_unprivileged_port_start=0 / port %[1]s/%[2]s for %[3]s is not allowed to this user: ports below 1024 need CAP_NET_BIND_SERVICE, which packaging/schoolbridge.service gives, and in a container the sysctl net.ipv4.ip_unprivileged_port_start=0", address, network, what)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return said.Errorf("адреса %[1]s у этой машины нет: исправьте его в настройках (свои адреса покажет ip address) / port %[1]s/%[2]s for %[3]s: this machine has no such address: correct it in the configuration (ip address lists them)", address, network, what)
	}
	return fmt.Errorf("port %s/%s for %s cannot be opened: %w", address, network, what, err)
}
