package wire

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one call takes at most. The first of them waits
// for its reply until the last one was looked at: some 0.1 ms.
const batchSize = 32

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	unix.Msghdr
	length uint32
}

// system is what the calls work on. The kernel reads the addresses in it, so
// it stays where it is.
type system struct {
	rx, tx [batchSize]message
	rxv    [batchSize]unix.Iovec
	txv    [batchSize]unix.Iovec
	read   func(fd uintptr) bool
	write  func(fd uintptr) bool
	call   func(trap, fd uintptr, messages []message) (int, syscall.Errno)
	done   int // received, or sent
	errno  syscall.Errno
}

// native is the sender's address as the kernel writes it: a sockaddr_in or a
// sockaddr_in6.
type native struct {
	name    unix.RawSockaddrInet6
	nameLen uint32
}

func (b *batch) prepare() {
	b.call = many
	b.read = func(fd uintptr) bool {
		b.done, b.errno = b.call(unix.SYS_RECVMMSG, fd, b.rx[:])
		return b.errno != unix.EAGAIN
	}
	b.write = func(fd uintptr) bool {
		var n int
		for b.errno = 0; b.done < len(b.out) && b.errno == 0; b.done += n {
			n, b.errno = b.call(unix.SYS_SENDMMSG, fd, b.tx[b.done:len(b.out)])
		}
		return b.errno != unix.EAGAIN
	}
	for i := range b.in {
		b.aim(i)
	}
}

// many calls recvmmsg(2) or sendmmsg(2), which never wait: the poller does. So the
// scheduler is not told of the call. Told, it would wake its monitor each time
// that there had been nothing to do, and on a busy core the monitor would take the
// processor away in the middle of a call: up to a tenth of a sign-in.
func many(trap, fd uintptr, messages []message) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0:
			return int(n), 0
		case errno != unix.EINTR:
			return 0, errno
		}
	}
}

// aim says where the next datagram at i goes.
func (b *batch) aim(i int) {
	d, m := b.in[i], &b.rx[i]
	b.rxv[i].Base = &d.buf[0]
	b.rxv[i].SetLen(len(d.buf))
	m.Iov = &b.rxv[i]
	m.SetIovlen(1)
	m.Name, m.Namelen = (*byte)(unsafe.Pointer(&d.name)), uint32(unsafe.Sizeof(d.name))
	if b.link.wild {
		m.Control = &d.control[0]
		m.SetControllen(len(d.control))
	}
}

// receive waits until there is a datagram, and gives all that are there.
func (b *batch) receive() (int, error) {
	for i := range b.done {
		b.aim(i)
	}
	b.done = 0
	if err := b.link.raw.Read(b.read); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		return 0, b.errno
	}
	b.arrived()
	return b.done, nil
}

// arrived notes what the system tells of the datagrams.
func (b *batch) arrived() {
	for i, d := range b.in[:b.done] {
		d.n, d.nameLen = int(b.rx[i].length), b.rx[i].Namelen
		d.from = d.native.addrPort()
		if b.link.wild {
			d.controls = returnControl(d.control[:b.rx[i].Controllen])
		}
	}
}

// addrPort reads the address. The zone of a link-local one is its number.
func (n *native) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&n.name.Port))[:])
	if n.name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&n.name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	}
	addr := netip.AddrFrom16(n.name.Addr)
	if n.name.Scope_id != 0 {
		addr = addr.WithZone(strconv.FormatUint(uint64(n.name.Scope_id), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

// leave says what is sent, and to whom.
func (m *message) leave(v *unix.Iovec, b []byte, back *route) {
	v.Base = &b[0]
	v.SetLen(len(b))
	m.Iov = v
	m.SetIovlen(1)
	m.Name, m.Namelen = (*byte)(unsafe.Pointer(&back.name)), back.nameLen
	m.Control = nil
	m.SetControllen(back.controls)
	if back.controls > 0 {
		m.Control = &back.control[0]
	}
}

// flush sends the replies. One that the system refuses costs none of the others.
func (b *batch) flush() {
	received := b.done
	for i := range b.out {
		b.tx[i].leave(&b.txv[i], b.out[i].b, b.out[i].back)
	}
	for b.done = 0; b.done < len(b.out); b.done++ {
		if err := b.link.raw.Write(b.write); err != nil { // closed: nothing more leaves
			b.errno = unix.EBADF
		}
		if b.done < len(b.out) {
			b.unsent(&b.out[b.done])
		}
	}
	b.out, b.done = b.out[:0], received
}

// single sends one reply by itself.
type single struct {
	tx    [1]message
	txv   unix.Iovec
	write func(fd uintptr) bool
	errno syscall.Errno
}

// singles waits for the next reply: what the kernel reads lies on the heap.
var singles = sync.Pool{New: func() any {
	s := new(single)
	s.write = func(fd uintptr) bool {
		_, s.errno = many(unix.SYS_SENDMMSG, fd, s.tx[:])
		return s.errno != unix.EAGAIN
	}
	return s
}}

func (u *udpLink) send(b []byte, r *route) error {
	s := singles.Get().(*single)
	s.errno = 0
	s.tx[0].leave(&s.txv, b, r)
	err := u.raw.Write(s.write)
	if err == nil && s.errno != 0 {
		err = s.errno
	}
	s.tx, s.txv = [1]message{}, unix.Iovec{}
	singles.Put(s)
	return err
}
