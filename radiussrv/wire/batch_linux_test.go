package wire

import (
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loopback opens a socket and a batch that answers from it.
func loopback(t *testing.T, events Events) (*batch, *net.UDPConn) {
	t.Helper()
	open := func() *net.UDPConn {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	server, client := open(), open()
	s := NewServer(accept, Options{Peer: everyone(false), Events: events})
	u, err := newUDPLink(server, Authentication, 1)
	if err != nil {
		t.Fatal(err)
	}
	return newBatch(s, u), client
}

// fill puts n replies on their way, numbered, as if so many had been asked for.
func fill(t *testing.T, b *batch, client *net.UDPConn, n int) {
	t.Helper()
	for i := range n {
		if _, err := client.WriteTo([]byte{byte(i)}, b.link.conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	for received := 0; received < n; received += b.done {
		if _, err := b.receive(); err != nil {
			t.Fatal(err)
		}
		for _, d := range b.in[:b.done] {
			d.link = b.link
			back := d.route
			b.add(append(b.room(), d.buf[0]), &back, nil)
		}
	}
}

// arrived gives the numbers that came.
func arrived(t *testing.T, client *net.UDPConn, n int) (numbers []int) {
	t.Helper()
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range n {
		var b [16]byte
		if _, err := client.Read(b[:]); err != nil {
			t.Fatalf("%v after %v", err, numbers)
		}
		numbers = append(numbers, int(b[0]))
	}
	_ = client.SetReadDeadline(time.Now())
	var b [16]byte
	if _, err := client.Read(b[:]); err == nil {
		t.Errorf("one came beside those %d", n)
	}
	return numbers
}

// What the kernel does with a batch: all, some, none, or one that it refuses.
func TestARefusedReplyCostsNoOther(t *testing.T) {
	const n = 8
	for what, c := range map[string]struct {
		// call is one call's answer to what is left: how many it takes, or why
		// it takes none.
		call func(calls int, left []message) (int, syscall.Errno)
		lost []int
	}{
		"all at once":       {func(_ int, left []message) (int, syscall.Errno) { return len(left), 0 }, nil},
		"one at a time":     {func(int, []message) (int, syscall.Errno) { return 1, 0 }, nil},
		"some at a time":    {func(calls int, left []message) (int, syscall.Errno) { return min(1+calls%3, len(left)), 0 }, nil},
		"the buffer full":   {func(calls int, left []message) (int, syscall.Errno) { return oneIn(2, calls, unix.EAGAIN, 3, left) }, nil},
		"no memory at once": {func(calls int, left []message) (int, syscall.Errno) { return oneIn(8, calls, unix.ENOBUFS, n, left) }, []int{0}},
		"no memory later":   {func(calls int, left []message) (int, syscall.Errno) { return oneIn(3, calls+1, unix.ENOBUFS, 2, left) }, []int{4}},
		"refused, all of them": {func(int, []message) (int, syscall.Errno) { return 0, unix.EPERM },
			[]int{0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		t.Run(what, func(t *testing.T) {
			events := &tally{}
			b, client := loopback(t, events)
			fill(t, b, client, n)
			calls := 0
			b.call = func(trap, fd uintptr, left []message) (int, syscall.Errno) {
				take, errno := c.call(calls, left)
				calls++
				if errno != 0 {
					return 0, errno
				}
				return many(trap, fd, left[:take])
			}
			b.link.raw = impatient{b.link.raw}
			b.flush()
			var want []int
			for i := range n {
				if !slices.Contains(c.lost, i) {
					want = append(want, i)
				}
			}
			if got := arrived(t, client, len(want)); !slices.Equal(got, want) {
				t.Errorf("%v arrived, want %v", got, want)
			}
			if got := events.dropped(DropReply); got != len(c.lost) {
				t.Errorf("%d reported as unsent, want %d", got, len(c.lost))
			}
			if len(b.out) != 0 {
				t.Error("replies are left over")
			}
		})
	}
}

// impatient tries again at once where a poller would wait for the kernel to say
// that there is room: it never says so of a buffer that was not really full.
type impatient struct{ syscall.RawConn }

func (c impatient) Write(f func(fd uintptr) bool) error {
	return c.Control(func(fd uintptr) {
		for !f(fd) {
		}
	})
}

// oneIn fails one call in so many, the first one first; the others take some.
func oneIn(every, call int, errno syscall.Errno, some int, left []message) (int, syscall.Errno) {
	if call%every == 0 {
		return 0, errno
	}
	return min(some, len(left)), 0
}

// The kernel itself refuses an address: port 0.
func TestAReplyToNowhereCostsNoOther(t *testing.T) {
	events := &tally{}
	b, client := loopback(t, events)
	fill(t, b, client, 5)
	b.out[2].back.name.Port = 0
	b.flush()
	if got := arrived(t, client, 4); !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Errorf("%v arrived", got)
	}
	if events.dropped(DropReply) != 1 {
		t.Errorf("%d reported as unsent, want 1", events.dropped(DropReply))
	}
}

func TestClosedSocketTakesNoReply(t *testing.T) {
	events := &tally{}
	b, client := loopback(t, events)
	fill(t, b, client, 5)
	_ = b.link.conn.Close()
	b.flush()
	if events.dropped(DropReply) != 5 {
		t.Errorf("%d reported as unsent, want 5", events.dropped(DropReply))
	}
	if _, err := b.receive(); err == nil {
		t.Error("a closed socket gives datagrams")
	}
}

// Addresses as the kernel writes them, against the standard library's reading.
func TestAddressesOfSenders(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"} {
		addr, err := net.ResolveUDPAddr("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.ListenUDP("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		port := conn.LocalAddr().(*net.UDPAddr).Port
		client, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: addr.IP, Port: port})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		u, err := newUDPLink(conn, Authentication, 1)
		if err != nil {
			t.Fatal(err)
		}
		b := newBatch(NewServer(accept, Options{}), u)
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := b.receive(); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		want := client.LocalAddr().(*net.UDPAddr).AddrPort()
		if got := b.in[0].from; netip.AddrPortFrom(got.Addr().Unmap(), got.Port()) != netip.AddrPortFrom(want.Addr().Unmap(), want.Port()) {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
	link := native{name: unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: 0x1407, Addr: [16]byte{0: 0xfe, 1: 0x80, 15: 1}, Scope_id: 3}}
	if got := link.addrPort(); got.Addr() != netip.MustParseAddr("fe80::1%3") {
		t.Errorf("a link-local address is %v", got)
	}
}

// A reply that leaves by itself, with one before it that the system refuses.
func TestSingleReplies(t *testing.T) {
	b, client := loopback(t, nil)
	if _, err := client.WriteTo([]byte("x"), b.link.conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.receive(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	back := b.in[0].route
	nowhere := back
	nowhere.name.Port = 0
	if err := b.link.send([]byte("lost"), &nowhere); err == nil {
		t.Error("a reply to nowhere was sent")
	}
	if err := b.link.send([]byte("reply"), &back); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if n, err := client.Read(got); err != nil || string(got[:n]) != "reply" {
		t.Errorf("%q, %v", got[:n], err)
	}
	_ = b.link.conn.Close()
	if err := b.link.send([]byte("late"), &back); err == nil {
		t.Error("a closed socket has sent a reply")
	}
}
