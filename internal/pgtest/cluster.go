package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/child"
)

// Cluster is a PostgreSQL of two nodes that Patroni keeps available: what was
// confirmed is on both, and the second one takes over some seconds after the first is
// gone. etcd tells who is the primary.
type Cluster struct {
	Nodes [2]*Node
	dir   string
	bin   string
	etcd  *child.Process
}

// Node is one server of a cluster, with the Patroni that runs it.
type Node struct {
	name, dir, bin, config string
	port, api              string
	process                *child.Process
}

// patience bounds every wait for a cluster: a busy machine starts one in some 10 s.
const patience = 3 * time.Minute

// Replicated starts a cluster for one test.
func Replicated(tb testing.TB) *Cluster {
	tb.Helper()
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(bins) == 0 {
		tb.Fatal("there is no PostgreSQL here (make test installs it)")
	}
	dir, err := os.MkdirTemp("", "pgcluster")
	if err != nil {
		tb.Fatal(err)
	}
	c := &Cluster{dir: dir, bin: filepath.Dir(bins[len(bins)-1])}
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, n := range c.Nodes {
				if n != nil {
					tb.Logf("%s: %s", n.name, lastLines(child.Log(n.dir), 20))
				}
			}
		}
		c.remove()
	})
	if err := c.start(); err != nil {
		tb.Fatal(err)
	}
	c.Synchronous(tb)
	return c
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (c *Cluster) start() error {
	store := filepath.Join(c.dir, "etcd")
	if err := errors.Join(os.Mkdir(store, 0o700), forPostgres(c.dir)); err != nil {
		return err
	}
	ports, err := freePorts(6)
	if err != nil {
		return err
	}
	client, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	if c.etcd, err = child.Start(store, "etcd", "--data-dir", filepath.Join(store, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--unsafe-no-fsync"); err != nil {
		return err
	}
	if err := wait("etcd", func() bool { return answers(client + "/health") }); err != nil {
		return err
	}
	for i := range c.Nodes {
		n := &Node{name: fmt.Sprintf("node%d", i+1), bin: c.bin, port: ports[2+2*i], api: ports[3+2*i]}
		n.dir = filepath.Join(c.dir, n.name)
		n.config = filepath.Join(n.dir, "patroni.yml")
		c.Nodes[i] = n
		if err := errors.Join(os.Mkdir(n.dir, 0o700), os.WriteFile(n.config, []byte(n.settings(ports[0])), 0o600), forPostgres(n.dir), forPostgres(n.config), n.Start()); err != nil {
			return err
		}
		if err := wait(n.name, func() bool { return answers("http://127.0.0.1:" + n.api + "/health") }); err != nil {
			return err
		}
	}
	return nil
}

// settings are Patroni's. A primary that is gone is replaced after ttl seconds.
func (n *Node) settings(etcd string) string {
	return fmt.Sprintf(`scope: schoolbridge
name: %[1]s
etcd3: {host: "127.0.0.1:%[2]s"}
restapi: {listen: "127.0.0.1:%[3]s", connect_address: "127.0.0.1:%[3]s"}
bootstrap:
  dcs:
    ttl: 5
    loop_wait: 1
    retry_timeout: 2
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {fsync: "off", max_connections: 100, shared_buffers: 32MB, wal_log_hints: "on", max_wal_senders: 5, hot_standby: "on"}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, {auth: trust}]
  pg_hba: ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"]
postgresql:
  listen: "127.0.0.1:%[4]s"
  connect_address: "127.0.0.1:%[4]s"
  data_dir: %[5]s/data
  bin_dir: %[6]s
  pgpass: %[5]s/pgpass
  parameters: {unix_socket_directories: "%[5]s"}
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
    rewind: {username: postgres}
`, n.name, etcd, n.api, n.port, n.dir, n.bin)
}

// Start starts a node, also again after Kill: it becomes the standby then.
func (n *Node) Start() (err error) {
	n.process, err = child.Start(n.dir, append(asPostgres(), "patroni", n.config)...)
	return err
}

// Kill ends a node at once, as a power cut does.
func (n *Node) Kill() {
	_ = syscall.Kill(-n.process.Pid, syscall.SIGKILL)
	n.process.Stop()
	if pid := n.postmaster(); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // its children end when they notice
	}
}

// postmaster is the process of the node's PostgreSQL; 0 where there is none.
func (n *Node) postmaster() int {
	content, err := os.ReadFile(filepath.Join(n.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, _ := strconv.Atoi(line)
	return pid
}

// Leads says that the node is the primary.
func (n *Node) Leads() bool { return answers("http://127.0.0.1:" + n.api + "/primary") }

// Primary waits until a node leads, and gives it and the other one.
func (c *Cluster) Primary(tb testing.TB) (primary, other *Node) {
	tb.Helper()
	if err := wait("a primary", func() bool {
		for i, n := range c.Nodes {
			if n.Leads() {
				primary, other = n, c.Nodes[1-i]
				return true
			}
		}
		return false
	}); err != nil {
		tb.Fatal(err)
	}
	return primary, other
}

// Synchronous waits until what the primary confirms is on the other node too.
func (c *Cluster) Synchronous(tb testing.TB) {
	tb.Helper()
	if err := wait("a synchronous standby", func() bool {
		_, other := c.Primary(tb)
		return answers("http://127.0.0.1:" + other.api + "/sync")
	}); err != nil {
		tb.Fatal(err)
	}
}

// Database makes an empty database on both nodes, and gives its address, which names
// them both.
func (c *Cluster) Database(tb testing.TB, name string) string {
	tb.Helper()
	primary, _ := c.Primary(tb)
	out, err := exec.Command(c.bin+"/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-d", "postgres",
		"-c", "CREATE DATABASE "+name).CombinedOutput()
	if err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%s,127.0.0.1:%s/%s?sslmode=disable", c.Nodes[0].port, c.Nodes[1].port, name)
}

func (c *Cluster) remove() {
	for _, n := range c.Nodes {
		if n != nil && n.process != nil {
			n.Kill() // nothing of it is kept
		}
	}
	if c.etcd != nil {
		c.etcd.Stop()
	}
	_ = wait("the end", func() bool { return os.RemoveAll(c.dir) == nil }) // a backend may be ending yet
}

// wait waits for something, and tells of what it waited for in vain.
func wait(what string, done func() bool) error {
	for until := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			return fmt.Errorf("no %s after %v", what, patience)
		}
	}
	return nil
}

func answers(url string) bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// forPostgres gives a file to the user that PostgreSQL runs as.
func forPostgres(path string) error {
	if len(asPostgres()) == 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	return os.Chown(path, uid, gid)
}

// freePorts gives ports of the loopback that nobody uses.
func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are taken until all are known
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports, nil
}
