package simad

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// backend is one gldap server, for protected or for plain connections.
type backend struct {
	d         *Directory
	protected bool
	logger    *slog.Logger
	server    *gldap.Server
	address   string
	ended     chan error

	token string        // the name of the bind that finds out whether we are behind the port
	found chan struct{} // closed when it came

	mu    sync.Mutex
	bound map[int]guid // by connection
}

// newBackend starts gldap on a free port of loopback. gldap opens its port
// itself and does not tell which, so that one is picked first, and tried for
// whether it is really ours.
func newBackend(d *Directory, protected bool, logger *slog.Logger) (*backend, error) {
	var err error
	for range 5 {
		b := &backend{d: d, protected: protected, logger: logger, ended: make(chan error, 1), token: rand.Text(), found: make(chan struct{}), bound: map[int]guid{}}
		if err = b.start(); err == nil {
			return b, nil
		}
	}
	return nil, err
}

func (b *backend) start() error {
	mux, err := b.routes()
	if err != nil {
		return err
	}
	b.server, err = gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()), gldap.WithOnClose(b.forget))
	if err != nil {
		return err
	}
	if err := b.server.Router(mux); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	go func() { b.ended <- b.server.Run(b.address) }()
	if err := b.probe(); err != nil {
		return errors.Join(err, b.stop())
	}
	return nil
}

// probe binds with a name that only we know until it arrives at ourselves.
func (b *backend) probe() error {
	limit := time.After(10 * time.Second)
	for {
		if conn, err := net.Dial("tcp", b.address); err == nil {
			defer conn.Close()
			_, _ = conn.Write(bindMessage(b.token))
			select {
			case <-b.found:
				return nil
			case err := <-b.ended:
				b.ended <- err
				return fmt.Errorf("listen on %s: %v", b.address, err)
			case <-limit:
				return fmt.Errorf("%s is somebody else's", b.address)
			}
		}
		select {
		case err := <-b.ended:
			b.ended <- err
			return fmt.Errorf("listen on %s: %v", b.address, err)
		case <-limit:
			return fmt.Errorf("%s does not open", b.address)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func bindMessage(name string) []byte {
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opBind, nil, "")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	bind.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	bind.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "", ""))
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(bind)
	return message.Bytes()
}

func (b *backend) stop() error {
	err := b.server.Stop()
	<-b.ended
	return err
}

func (b *backend) forget(connection int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.bound, connection)
}

func (b *backend) who(r *gldap.Request) guid {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bound[r.ConnectionID()]
}

// routes tells gldap what to call. gldap runs every request in a goroutine of
// its own where a panic would end the process.
func (b *backend) routes() (*gldap.Mux, error) {
	mux, err := gldap.NewMux()
	if err != nil {
		return nil, err
	}
	safe := func(answer int, h func(*gldap.ResponseWriter, *gldap.Request) error) gldap.HandlerFunc {
		return func(w *gldap.ResponseWriter, r *gldap.Request) {
			defer func() {
				if p := recover(); p != nil {
					b.logger.Error("the simulated Active Directory failed", "stack", string(debug.Stack()))
					_ = w.Write(result(r, answer, errors.New("panic")))
				}
			}()
			if err := h(w, r); !errors.Is(err, errAnswered) {
				_ = w.Write(result(r, answer, err))
			}
		}
	}
	return mux, errors.Join(
		mux.Bind(safe(gldap.ApplicationBindResponse, b.bind)),
		mux.Search(safe(gldap.ApplicationSearchResultDone, b.search)),
		mux.Modify(safe(gldap.ApplicationModifyResponse, b.modify)),
		mux.Add(safe(gldap.ApplicationAddResponse, b.add)),
		mux.Delete(safe(gldap.ApplicationDelResponse, b.delete)),
	)
}

// errAnswered says that a handler wrote its answer itself.
var errAnswered = errors.New("answered")

// result is the answer to a request.
func result(r *gldap.Request, answer int, err error) gldap.Response {
	var why *refusal
	switch {
	case err == nil:
		return r.NewResponse(gldap.WithApplicationCode(answer), gldap.WithResponseCode(0), gldap.WithMatchedDN(""), gldap.WithDiagnosticMessage(""))
	case !errors.As(err, &why):
		why = fail(52, 0x54F, "LdapErr: the simulated directory failed")
	}
	return r.NewResponse(gldap.WithApplicationCode(answer), gldap.WithResponseCode(why.code), gldap.WithMatchedDN(""), gldap.WithDiagnosticMessage(why.diagnostic()))
}

func (b *backend) bind(_ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		return err
	}
	if m.UserName == b.token {
		close(b.found)
		return nil
	}
	b.forget(r.ConnectionID()) // RFC 4511 section 4.2.1: whatever comes of it
	id, err := b.d.bind(m.UserName, string(m.Password))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bound[r.ConnectionID()] = id
	return nil
}

func (b *backend) search(w *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetSearchMessage()
	if err != nil {
		return err
	}
	if m.BaseDN == whoMark {
		me := r.NewSearchDoneResponse(gldap.WithResponseCode(0))
		me.SetDiagnosticMessage(b.d.whoAmI(b.who(r)))
		if err := w.Write(me); err != nil {
			return err
		}
		return errAnswered
	}
	if err := b.critical(m.Controls); err != nil {
		return err
	}
	q := query{base: m.BaseDN, scope: int(m.Scope), filter: m.Filter, wanted: m.Attributes, limit: int(min(max(m.SizeLimit, 0), math.MaxInt32))}
	paged := false
	for _, c := range m.Controls {
		if p, ok := c.(*gldap.ControlPaging); ok {
			paged, q.page, q.cookie = true, int(min(p.PagingSize, windowsLimit)), string(p.Cookie)
		}
	}
	entries, cookie, err := b.d.search(b.who(r), q)
	for _, e := range entries {
		out := r.NewSearchResponseEntry(e.dn)
		for _, a := range e.values {
			values := a.values
			if m.TypesOnly {
				values = nil
			}
			out.AddAttribute(a.name, values)
		}
		if err := w.Write(out); err != nil {
			return err
		}
	}
	if err != nil || !paged {
		return err
	}
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(0))
	next := &gldap.ControlPaging{Cookie: []byte(cookie)}
	done.SetControls(next)
	if err := w.Write(done); err != nil {
		return err
	}
	return errAnswered
}

// critical refuses a search that insists on what is not there. Samba does not.
func (b *backend) critical(controls []gldap.Control) error {
	for _, c := range controls {
		s, ok := c.(*gldap.ControlString)
		if !ok || !s.Criticality || b.d.o.Samba {
			continue
		}
		known := false
		for _, k := range supportedControls {
			known = known || k == s.ControlType
		}
		if !known {
			return fail(12, 0x57, "LdapErr: comment: Error processing control")
		}
	}
	return nil
}

func (b *backend) add(_ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetAddMessage()
	if err != nil {
		return err
	}
	if err := b.critical(m.Controls); err != nil {
		return err
	}
	var changes []change
	for _, a := range m.Attributes {
		changes = append(changes, change{0, a.Type, a.Vals})
	}
	return b.d.add(b.who(r), b.protected, m.DN, changes)
}

func (b *backend) modify(_ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetModifyMessage()
	if err != nil {
		return err
	}
	if err := b.critical(m.Controls); err != nil {
		return err
	}
	var changes []change
	for _, c := range m.Changes {
		values, err := valuesOf(c.Modification.Vals)
		if err != nil {
			return err
		}
		if c.Modification.Type == renameMark {
			return b.d.rename(b.who(r), m.DN, values[0], strings.Join(values[1:], ""))
		}
		changes = append(changes, change{int(c.Operation), c.Modification.Type, values})
	}
	return b.d.modify(b.who(r), b.protected, m.DN, changes)
}

// valuesOf takes apart what gldap gives of a modify: the set of values still in
// BER, as one text.
func valuesOf(sets []string) ([]string, error) {
	var values []string
	for _, set := range sets {
		for len(set) > 0 {
			size, content := header([]byte(set[:min(len(set), 6)]))
			if content == 0 || content+size > len(set) || ber.Tag(set[0]) != ber.TagOctetString {
				return nil, errSyntax
			}
			values = append(values, set[content:content+size])
			set = set[content+size:]
		}
	}
	return values, nil
}

func (b *backend) delete(_ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetDeleteMessage()
	if err != nil {
		return err
	}
	if err := b.critical(m.Controls); err != nil {
		return err
	}
	return b.d.delete(b.who(r), m.DN)
}
