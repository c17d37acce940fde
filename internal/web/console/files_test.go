package console

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
	"schoolbridge/internal/web/webtest"
)

// A list that breaks off in the middle is no file, and leaves none behind.
func TestAPartIsNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for format := range fileTypes {
		s := newSite(t, nil, part{pages: map[string]page{"GET /console/part": {may: rights.Export, do: func(v *visit) {
			v.handOut("part", format, "part", []string{"a"}, func(w table.Writer) error {
				for range 600 { // more than a workbook keeps in memory
					if err := w.Row(strings.Repeat("я", 16000)); err != nil {
						return err
					}
				}
				return errors.New("the store is gone")
			})
		}}}})
		g := s.role(rights.School)
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("%s: %v", format, got)
				}
			}()
			t.Errorf("%s: handed out with %d", format, g.Get("/console/part").Code)
		}()
		if !strings.Contains(s.log.String(), "cannot be handed out whole") {
			t.Errorf("%s: the log says nothing", format)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v %v", format, left, err)
		}
	}
}

// hurried serves files to browsers of both versions of HTTP as the daemon does, with
// much less time for a request than it has.
func hurried(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 300*time.Millisecond
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// A file that takes longer than a page may is there whole, in each kind and over each
// version of HTTP, also where nothing leaves for a while; and that it comes is known at
// once.
func TestFilesTakeTheirTime(t *testing.T) {
	for format := range fileTypes {
		for _, version := range []int{1, 2} {
			begun := make(chan struct{})
			s := newSite(t, nil, part{pages: map[string]page{"GET /console/part": {may: rights.Export, do: func(v *visit) {
				v.handOut("part", format, "part", []string{"a"}, func(w table.Writer) error {
					<-begun // the browser has the beginning
					for range 3 {
						time.Sleep(400 * time.Millisecond)
						if err := v.Request.Context().Err(); err != nil {
							return err
						}
						if err := w.Row("last"); err != nil {
							return err
						}
					}
					return nil
				})
			}}}})
			g := s.role(rights.School)
			server := hurried(t, s.f)
			client := server.Client()
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = version == 2
			if version == 1 {
				client.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/console/part", nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range g.Cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			close(begun)
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || res.ProtoMajor != version || res.StatusCode != http.StatusOK || len(body) == 0 || format == "csv" && strings.Count(string(body), "last") != 3 {
				t.Errorf("%s over HTTP/%d: %d bytes, %v %s", format, res.ProtoMajor, len(body), err, &s.log)
			}
		}
	}
}

// Whoever takes nothing of a file holds no place for long.
func TestFilesHaveToBeTaken(t *testing.T) {
	became := make(chan error, 1)
	server := hurried(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := newHandout(w, 300*time.Millisecond, time.Minute)
		var err error
		for part := make([]byte, 64<<10); err == nil; {
			_, err = to.Write(part)
		}
		became <- err
	}))
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), server.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-became:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it is waited for")
	}
}

// A file ends when its time is over, however slowly it is taken.
func TestFilesEnd(t *testing.T) {
	became := make(chan error, 1)
	server := hurried(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := newHandout(w, 30*time.Second, time.Second)
		var err error
		for err == nil {
			if _, err = to.Write([]byte("a line\n")); err == nil {
				to.begin()
				time.Sleep(50 * time.Millisecond)
			}
		}
		became <- err
	}))
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("it is whole")
	}
	if err := <-became; err == nil {
		t.Error("nothing became of it")
	}
}

// Nobody has many files made at once, and nobody keeps the others from theirs.
func TestFilesAreCounted(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	s := newSite(t, nil, part{pages: map[string]page{"GET /console/part": {may: rights.Export, do: func(v *visit) {
		v.handOut("part", "csv", "part", []string{"a"}, func(w table.Writer) error {
			begun <- true
			<-end
			return w.Row("last")
		})
	}}}})
	greedy, other := s.role(rights.School), s.role(rights.Operator)
	given := make(chan int)
	take := func(g *webtest.Guest) {
		again := webtest.NewGuest(t, s.f).With(g.Cookies)
		go func() { given <- again.Get("/console/part").Code }()
		<-begun
	}
	for range filesEach {
		take(greedy)
	}
	w := greedy.Get("/console/part")
	webtest.Holds(t, w, http.StatusTooManyRequests, "Слишком много запросов")
	if w.Header().Get("Retry-After") == "" {
		t.Error("it is not said when to come again")
	}
	take(other)
	close(end)
	for range filesEach + 1 {
		if code := <-given; code != http.StatusOK {
			t.Error(code)
		}
	}
	take(greedy)
	<-given
}
