package main

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"

	"schoolbridge/internal/freeport"
)

const monitoring = "../../packaging/monitoring/"

type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readAlerts(t *testing.T) (r alertRules) {
	t.Helper()
	text, err := os.ReadFile(monitoring + "alerts.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &r)
	}
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0].Rules) < 15 {
		t.Fatalf("%v: %+v", err, r)
	}
	return r
}

// dashboardExpressions are all that the dashboard asks for.
func dashboardExpressions(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile(monitoring + "grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			list = append(list, target.Expr)
		}
	}
	if len(list) < 15 {
		t.Fatalf("%d expressions", len(list))
	}
	return list
}

var (
	metricName  = regexp.MustCompile(`schoolbridge_[a-z_]+(?:\{[^}]*\})?`)
	matcherName = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	described   = regexp.MustCompile(`fqName: "([a-z_]+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}`)
)

// registered are the metrics of a daemon that has every part, with their labels.
func registered(t *testing.T) map[string]string {
	t.Helper()
	s := newSite(t)
	s.write("ad-secret", "0123456789abcdef0123-Ad1\n")
	s.edit("radius:\n", "radius:\n  authentication: ['"+freeport.UDP(t)+"']\n  accounting: ['"+freeport.UDP(t)+"']\n")
	s.edit("log: {format: text}", "log: {format: text}\nldap: {base: 'dc=school,dc=test', listen: ['"+freeport.TCP(t)+"']}\n"+
		"ad: {server: 'ldaps://127.0.0.1:1', ca_file: ca.pem, bind: 'bridge@obr.example', password_file: ad-secret, base: '"+siteManaged+"', search_base: '"+siteDomain+"'}")
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	all, list := make(chan *prometheus.Desc), map[string]string{}
	go func() { d.registry.Describe(all); close(all) }()
	for one := range all {
		if m := described.FindStringSubmatch(one.String()); m != nil {
			list[m[1]] += "," + m[2] + "," + m[3]
		}
	}
	return list
}

// TestMonitoring: what alerts and the dashboard ask for is what a daemon tells.
func TestMonitoring(t *testing.T) {
	known := registered(t)
	asked := dashboardExpressions(t)
	for _, rule := range readAlerts(t).Groups[0].Rules {
		asked = append(asked, rule.Expr)
	}
	n := 0
	for _, expr := range asked {
		for _, found := range metricName.FindAllString(expr, -1) {
			name, matchers, _ := strings.Cut(found, "{")
			labels, ok := known[name]
			for _, end := range []string{"_bucket", "_count", "_sum"} {
				if !ok {
					labels, ok = known[strings.TrimSuffix(name, end)]
				}
			}
			if !ok {
				t.Errorf("no daemon has %s: %s", name, expr)
			}
			n++
			for _, m := range matcherName.FindAllStringSubmatch(matchers, -1) {
				if m[1] != "instance" && !regexp.MustCompile(`\b`+m[1]+`\b`).MatchString(labels) {
					t.Errorf("%s has no label %s, but %s", name, m[1], labels)
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d metrics are asked for", n)
	}
}

// TestRunbooks: every alert has its section in both languages, and no section is
// about none.
func TestRunbooks(t *testing.T) {
	for _, page := range []string{"runbooks.ru.md", "runbooks.en.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		sections := map[string]string{}
		for part := range strings.SplitSeq(string(text), "\n## ") {
			head, body, _ := strings.Cut(part, "\n")
			sections[head] = body
		}
		var names []string
		for _, rule := range readAlerts(t).Groups[0].Rules {
			names = append(names, rule.Alert)
			if len(sections[rule.Alert]) < 150 {
				t.Errorf("%s has no section about %s", page, rule.Alert)
			}
			if want := "RUNBOOKS/runbooks.ru.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != want || rule.Annotations["summary"] == "" {
				t.Errorf("%s: %v, want %s", rule.Alert, rule.Annotations, want)
			}
		}
		for head := range sections {
			if strings.HasPrefix(head, "Schoolbridge") && !slices.Contains(names, head) {
				t.Errorf("%s has a section about %s, which is no alert", page, head)
			}
		}
	}
}
