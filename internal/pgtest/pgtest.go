// Package pgtest gives tests a real PostgreSQL: one throw-away server for a test
// binary, in a folder of its own, behind a Unix socket in that folder and a free port
// of the loopback, gone when the binary is. Nothing is synced to the disk.
//
// Limits: Linux and the packages that scripts/peers.sh installs. Only tests with the
// build tag peers use it. Start reading at Main and Shared.
package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/child"
)

// Server is a running PostgreSQL.
type Server struct {
	Folder   string // of the cluster's files
	dir      string // of all that is its own
	bin      string
	port     string
	process  *child.Process
	mu       sync.Mutex
	names    int
	template map[string]error
}

var shared = sync.OnceValues(start)

// used says that the shared server was asked for.
var used atomic.Bool

// Main runs a package's tests, and takes the shared server away afterwards.
func Main(m *testing.M) int {
	code := m.Run()
	if used.Load() {
		if s, err := shared(); err == nil {
			s.remove()
		}
	}
	return code
}

// Shared gives the server of this test binary, whose TestMain calls Main.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	used.Store(true)
	s, err := shared()
	if err != nil {
		tb.Fatalf("%v (make test installs PostgreSQL)", err)
	}
	return s
}

// Own gives a server that is one test's, which may kill it.
func Own(tb testing.TB) *Server {
	tb.Helper()
	s, err := start()
	if err != nil {
		tb.Fatalf("%v (make test installs PostgreSQL)", err)
	}
	tb.Cleanup(s.remove)
	return s
}

// At gives a server whose files lie in a folder and stay there: it is made where it is
// not there yet, and a later test goes on with what this one left. The folder's path is
// short, as that of a socket in it is.
func At(tb testing.TB, dir string) *Server {
	tb.Helper()
	bin, err := programs()
	if err != nil {
		tb.Fatalf("%v (make test installs PostgreSQL)", err)
	}
	s := &Server{dir: dir, Folder: filepath.Join(dir, "data"), bin: bin, template: map[string]error{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.Folder, "PG_VERSION")); err != nil {
		err = s.make()
		if err != nil {
			tb.Fatal(err)
		}
	} else {
		ports, err := freePorts(1)
		if err != nil {
			tb.Fatal(err)
		}
		s.port = ports[0]
	}
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// Pid is the server's own process; those that serve connections are its children.
func (s *Server) Pid() int { return s.process.Pid }

// programs gives the folder of the newest PostgreSQL's programs.
func programs() (string, error) {
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(bins) == 0 {
		return "", errors.New("there is no PostgreSQL here")
	}
	return filepath.Dir(bins[len(bins)-1]), nil
}

// asPostgres is what a command begins with: the server refuses to be root.
func asPostgres() []string {
	if os.Getuid() != 0 {
		return nil
	}
	return []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}
}

func start() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// Not below a test's folder: the path of a Unix socket is short.
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, Folder: filepath.Join(dir, "data"), bin: bin, template: map[string]error{}}
	if err := s.make(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := s.Start(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// make makes the cluster.
func (s *Server) make() error {
	if err := forPostgres(s.dir); err != nil {
		return err
	}
	args := append(asPostgres(), s.bin+"/initdb", "--pgdata", s.Folder, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	made := exec.Command(args[0], args[1:]...)
	made.Dir = s.dir
	if out, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	ports, err := freePorts(1)
	if err == nil {
		s.port = ports[0]
	}
	return err
}

// Start starts the server, also again after Kill.
func (s *Server) Start() (err error) {
	args := append(asPostgres(), s.bin+"/postgres", "-D", s.Folder, "-h", "127.0.0.1", "-p", s.port, "-k", s.dir)
	for _, setting := range []string{"fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "max_wal_size=256MB", "wal_level=minimal",
		"max_wal_senders=0", "log_min_messages=warning", "timezone=UTC"} {
		args = append(args, "-c", setting)
	}
	if s.process, err = child.Start(s.dir, args...); err != nil {
		return err
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if exec.Command(s.bin+"/pg_isready", "-q", "-h", s.dir, "-p", s.port).Run() == nil {
			return nil
		}
		if s.process.Ended(0) || time.Now().After(until) {
			return fmt.Errorf("postgres does not answer: %s", child.Log(s.dir))
		}
	}
}

// Stop ends the server in order, whoever is connected. Start starts it again.
func (s *Server) Stop() {
	_ = syscall.Kill(s.process.Pid, syscall.SIGINT)
	s.process.Ended(child.StopTime)
	s.process.Stop()
}

// Kill ends the server at once, as a power cut does; what it wrote last may be gone.
func (s *Server) Kill() {
	_ = syscall.Kill(-s.process.Pid, syscall.SIGKILL)
	s.process.Stop()
	_ = os.Remove(filepath.Join(s.Folder, "postmaster.pid"))
}

func (s *Server) remove() {
	if !s.process.Ended(0) {
		_ = syscall.Kill(s.process.Pid, syscall.SIGQUIT) // at once: nothing of it is kept
		s.process.Ended(child.StopTime)
	}
	s.process.Stop()
	_ = os.RemoveAll(s.dir)
}

// Port is where it listens at 127.0.0.1.
func (s *Server) Port() string { return s.port }

// Socket is the address of a database behind the Unix socket.
func (s *Server) Socket(database string) string {
	return fmt.Sprintf("host=%s port=%s user=postgres dbname=%s sslmode=disable", s.dir, s.port, database)
}

// URL is the address of a database behind the loopback.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%s/%s?sslmode=disable", s.port, database)
}

// Database makes an empty database and names it.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	return s.create(tb, "template0")
}

// From makes a copy of a database that the first to ask fills.
func (s *Server) From(tb testing.TB, template string, fill func(database string) error) string {
	tb.Helper()
	s.mu.Lock()
	err, made := s.template[template]
	if !made {
		if err = s.run("CREATE DATABASE " + template + " TEMPLATE template0"); err == nil {
			err = fill(template)
		}
		s.template[template] = err
	}
	s.mu.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	return s.create(tb, template)
}

func (s *Server) create(tb testing.TB, template string) string {
	tb.Helper()
	s.mu.Lock()
	s.names++
	name := fmt.Sprintf("test_%d", s.names)
	s.mu.Unlock()
	// Copying files is quicker than writing them to the log, which nobody reads.
	if err := s.run("CREATE DATABASE " + name + " TEMPLATE " + template + " STRATEGY file_copy"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil && !s.process.Ended(0) {
			tb.Error(err)
		}
	})
	return name
}

// run carries out a statement beside all databases.
func (s *Server) run(statement string) error {
	_, err := s.SQL("postgres", statement)
	return err
}

// SQL carries out a statement in a database and gives what it printed.
func (s *Server) SQL(database, statement string) (string, error) {
	out, err := exec.Command(s.bin+"/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-p", s.port, "-U", "postgres", "-d", database, "-c", statement).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", statement, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Bytes gives what the server has on the disk of one database. Its write-ahead log
// is left out: databases share it.
func (s *Server) Bytes(database string) ([]byte, error) {
	if err := s.run("CHECKPOINT"); err != nil {
		return nil, err
	}
	oid, err := s.SQL("postgres", "SELECT oid FROM pg_database WHERE datname = '"+database+"'")
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(s.Folder, "base", oid, "*"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("the files of %s: %w", database, errors.Join(err, os.ErrNotExist))
	}
	var all []byte
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a table that is gone by now
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}
