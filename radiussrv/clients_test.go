package radiussrv

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestLongestPrefixCounts(t *testing.T) {
	client := func(name, prefix string) Client {
		return Client{Name: name, Prefix: netip.MustParsePrefix(prefix), Secret: "s"}
	}
	c := table(t, client("all", "0.0.0.0/0"), client("net", "10.1.7.9/16"), client("ap", "10.1.2.3/32"),
		client("six", "2001:db8::/32"), client("link", "fe80::/10"), client("mapped", "::ffff:172.16.0.0/108"))()
	for addr, want := range map[string]string{
		"10.1.2.3":        "ap",
		"::ffff:10.1.2.3": "ap",
		"10.1.2.4":        "net",
		"10.2.0.1":        "all",
		"172.17.1.1":      "mapped",
		"2001:db8::1":     "six",
		"fe80::1%eth0":    "link",
	} {
		if got := c.Find(netip.MustParseAddr(addr)); got == nil || got.Name != want {
			t.Errorf("%s belongs to %+v, want %s", addr, got, want)
		}
	}
	if got := c.Find(netip.MustParseAddr("2001:db9::1")); got != nil {
		t.Errorf("a stranger belongs to %s", got.Name)
	}
	if got := (*Clients)(nil).Find(netip.MustParseAddr("10.0.0.1")); got != nil {
		t.Error("no table knows somebody")
	}
}

func TestFaultsOfClientsAreAllNamed(t *testing.T) {
	good := Client{Name: "a", Prefix: netip.MustParsePrefix("10.0.0.0/8"), Secret: "s"}
	change := func(f func(*Client)) Client {
		c := Client{Name: "b", Prefix: netip.MustParsePrefix("11.0.0.0/8"), Secret: "s"}
		f(&c)
		return c
	}
	_, err := NewClients([]Client{
		good,
		change(func(c *Client) { c.Name = "" }),
		change(func(c *Client) { c.Name = "a" }),
		change(func(c *Client) { c.Prefix = netip.Prefix{} }),
		change(func(c *Client) { c.Prefix = netip.MustParsePrefix("10.9.9.9/8") }),
		change(func(c *Client) { c.Secret = "" }),
		change(func(c *Client) { c.Prefix, c.Certificate = netip.Prefix{}, "b.example" }),
		change(func(c *Client) { c.RejectDelay = 3 * time.Second }),
		change(func(c *Client) { c.RejectDelay = -1 }),
	})
	if err == nil || strings.Count(err.Error(), "\n") != 7 {
		t.Errorf("want eight faults, got:\n%v", err)
	}
}

func TestStation(t *testing.T) {
	for in, want := range map[string][2]string{
		"02-00-00-AA-00-01":                            {"02:00:00:aa:00:01", ""},
		"02:00:00:aa:00:01":                            {"02:00:00:aa:00:01", ""},
		"0200.00aa.0001":                               {"02:00:00:aa:00:01", ""},
		"020000AA0001":                                 {"02:00:00:aa:00:01", ""},
		"02-00-00-AA-00-01:School":                     {"02:00:00:aa:00:01", "School"},
		"02:00:00:AA:00:01:School:5A":                  {"02:00:00:aa:00:01", "School:5A"},
		"020000AA0001:Школа 5":                         {"02:00:00:aa:00:01", "Школа 5"},
		"02-00-00-AA-00-01:":                           {"02:00:00:aa:00:01", ""},
		"02-00-00-AA-00-01:a\x00b":                     {"02:00:00:aa:00:01", ""},
		"02-00-00-AA-00-01:" + strings.Repeat("x", 33): {"02:00:00:aa:00:01", ""},
		"02-00-00-AA-00":                               {"", ""},
		"02-00-00-AA-00-01x":                           {"", ""},
		"zz-00-00-AA-00-01":                            {"", ""},
		"-02-00-00-AA-00-01":                           {"", ""},
		"10.0.0.1":                                     {"", ""},
		"":                                             {"", ""},
	} {
		mac := device(in)
		if ap, ssid := called(in); mac != want[0] || ssid != want[1] || device(ap) != mac || !strings.HasPrefix(in, ap) {
			t.Errorf("%q: %q %q %q", in, mac, ap, ssid)
		}
	}
}

func FuzzStation(f *testing.F) {
	f.Add("02-00-00-AA-00-01:School")
	f.Add("0200.00aa.0001")
	f.Add("02:00:00:aa:00:01:\xff")
	f.Fuzz(func(t *testing.T, s string) {
		mac := device(s)
		ap, ssid := called(s)
		if mac != "" && len(mac) != 17 || mac == "" && ssid != "" || device(ap) != mac || len(ssid) > 32 || !utf8.ValidString(ssid) {
			t.Errorf("%q: %q %q", s, mac, ssid)
		}
		if again := device(mac); again != mac {
			t.Errorf("%q is not read as it is written", mac)
		}
	})
}
