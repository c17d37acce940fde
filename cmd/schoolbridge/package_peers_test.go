//go:build peers && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ran runs a program in the repository's folder.
func ran(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestPackage makes the Debian package and installs it with dpkg over a copy of this
// system that nobody keeps (an overlay). There the first installation goes as the
// README says, up to a daemon that runs as its user and a doctor that finds fault with
// mos.ru alone, which is not there; and what is in the store survives the package.
func TestPackage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("dpkg installs as root only")
	}
	ran(t, "make", "deb")
	found, err := filepath.Glob("../../bin/schoolbridge_*.deb")
	if err != nil || len(found) == 0 {
		t.Fatal("no package", err)
	}
	deb := newest(t, found)
	if out := ran(t, "dpkg-deb", "-f", deb, "Package", "Depends"); !strings.Contains(out, "Package: schoolbridge") || !strings.Contains(out, "adduser") {
		t.Error(out)
	}
	if out := ran(t, "dpkg-deb", "-I", deb, "conffiles"); strings.TrimSpace(out) != "/etc/schoolbridge/config.yaml" {
		t.Errorf("conffiles: %q", out)
	}
	out := ran(t, "unshare", "--mount", "--net", "--pid", "--fork", "bash", "packaging/debian/try.sh", deb, t.TempDir())
	for _, want := range []string{
		"/usr/bin/schoolbridge 755 root", "/lib/systemd/system/schoolbridge.service 644 root", "/etc/schoolbridge 750 root", "/etc/schoolbridge/secrets 750 root",
		"/etc/schoolbridge/tls 750 root", "/etc/schoolbridge/config.yaml 640 root", "/var/lib/schoolbridge 700 schoolbridge",
		"/var/backups/schoolbridge 700 schoolbridge",
		"/lib/systemd/system/schoolbridge-backup.service 644 root", "/lib/systemd/system/schoolbridge-backup.timer 644 root", "nightly backup: exit 0", "backup verify: exit 0",
		"/usr/share/doc/schoolbridge/docs/runbooks.ru.md 644 root", "/usr/share/doc/schoolbridge/monitoring/alerts.yaml 644 root",
		"unconfigured: exit 2", "secrets/mosru", "not enabled", "/etc/schoolbridge/config.yaml: OK", "ready after",
		"doctor --ready: exit 0", "doctor: exit 1", "MOSRU_UNREACHABLE", "bad: 1,", "runs as schoolbridge", "kept after purge", "config.yaml is gone",
		"upgrade: /root/precious 600 root", "upgrade: /root/folder 700 root", "upgrade: /etc/schoolbridge 750 root",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func newest(t *testing.T, files []string) string {
	t.Helper()
	slices.SortFunc(files, func(a, b string) int {
		one, err1 := os.Stat(a)
		two, err2 := os.Stat(b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return two.ModTime().Compare(one.ModTime())
	})
	path, err := filepath.Abs(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnitIsSandboxed asks systemd what the unit leaves open.
func TestUnitIsSandboxed(t *testing.T) {
	out := ran(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "packaging/schoolbridge.service")
	m := regexp.MustCompile(`exposure level for schoolbridge.service: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	score, err := strconv.ParseFloat(m[1], 64)
	t.Logf("systemd-analyze security: %v", score)
	if err != nil || score > 1.7 {
		t.Errorf("exposure %v\n%s", score, out)
	}
}

// TestContainerFile: no Docker daemon is there, so its parts are held against what the
// program and the package are.
func TestContainerFile(t *testing.T) {
	text, err := os.ReadFile("../../packaging/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FROM scratch", "USER 10001:10001", "CGO_ENABLED=0", `"doctor", "--ready", "--config", "/etc/schoolbridge/config.yaml"`, `ENTRYPOINT ["/usr/bin/schoolbridge"]`, "/var/lib/schoolbridge"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestAlertRules: Prometheus itself reads the rules.
func TestAlertRules(t *testing.T) {
	if out := ran(t, "promtool", "check", "rules", "packaging/monitoring/alerts.yaml"); !strings.Contains(out, "SUCCESS") {
		t.Error(out)
	}
}

// TestAlertSummaries: Prometheus says of a certificate when it ends, and when it did.
func TestAlertSummaries(t *testing.T) {
	rules, err := filepath.Abs("../../packaging/monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	url := ""
	for _, rule := range readAlerts(t).Groups[0].Rules {
		if rule.Alert == "SchoolbridgeCertificateEnds" {
			url = rule.Annotations["runbook_url"]
		}
	}
	// Two hours after the epoch: one certificate ended 33.7 s ago, one ends in 3 days.
	file := filepath.Join(t.TempDir(), "test.yaml")
	text := `rule_files: ["` + rules + `"]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'schoolbridge_certificate_expires_timestamp_seconds{instance="a", use="eap"}', values: '7166.3x180'}
      - {series: 'schoolbridge_certificate_expires_timestamp_seconds{instance="a", use="ldap"}', values: '266400x180'}
    alert_rule_test:
      - eval_time: 2h
        alertname: SchoolbridgeCertificateEnds
        exp_alerts:
          - exp_labels: {severity: warning, instance: a, use: eap}
            exp_annotations: {summary: "The certificate eap on a ended 33.7s ago", runbook_url: "` + url + `"}
          - exp_labels: {severity: warning, instance: a, use: ldap}
            exp_annotations: {summary: "The certificate ldap on a ends in 3d 0h 0m 0s", runbook_url: "` + url + `"}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ran(t, "promtool", "test", "rules", file)
}
