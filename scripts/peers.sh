#!/usr/bin/env bash
# Installs the programs that the tests drive, clients and servers, where they
# are missing. Some of the packages (freeradius, hostapd, samba) bring a service
# that would be started: a policy file keeps it from that for the time of the
# installation. With arguments only the packages named are looked at.
set -euo pipefail
only=("$@")
wanted() { [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $1 "* ]]; }

declare -A package=(
	[mkfs.ext4]=e2fsprogs [losetup]=mount [ldapsearch]=ldap-utils [ldapwhoami]=ldap-utils [ldapcompare]=ldap-utils
	[radclient]=freeradius-utils [curl]=curl [openssl]=openssl [gcc]=gcc
	[eapol_test]=eapoltest [xmllint]=libxml2-utils [python3]=python3 [ldapvi]=ldapvi [pamtester]=pamtester
	[soffice]=libreoffice-calc-nogui [npm]=npm [zbarimg]=zbar-tools [pdftotext]=poppler-utils
)
missing=()
for program in "${!package[@]}"; do
	wanted "${package[$program]}" || continue
	command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
# The race detector links against the C library.
wanted libc6-dev && [ ! -e /usr/include/stdlib.h ] && missing+=(libc6-dev)
# RADIUS servers, started by the tests as well, with ip, which gives hostapd a
# network of its own; and an Active Directory, which the tests provision and
# start themselves. Asked by package: its programs are not on everybody's path,
# and some parts, like the Python of a RADIUS client, are none.
declare -A services=(
	[freeradius]=freeradius [hostapd]=hostapd [radsecproxy]=radsecproxy [wpasupplicant]=wpa_supplicant
	[haproxy]=haproxy [postgresql]=postgresql [patroni]=patroni [etcd-server]=etcd [samba]="smbd nmbd samba-ad-dc" [winbind]=winbind [slapd]=slapd [nslcd]=nslcd [sssd-common]=sssd
)
units=()
for name in apache2-bin chromium-headless-shell freeradius haproxy hostapd postgresql radsecproxy wpasupplicant iproute2 python3-pyrad python3-pycryptodome \
	etcd-server patroni python3-etcd python3-psycopg2 \
	samba samba-dsdb-modules samba-vfs-modules winbind samba-ad-provision \
	libsasl2-modules python3-ldap python3-ldap3 slapd sssd-common sssd-ldap libnss-sss libpam-sss nslcd libnss-ldapd libpam-ldapd; do
	wanted "$name" || continue
	dpkg -s "$name" >/dev/null 2>&1 && continue
	missing+=("$name")
	units+=(${services[$name]:-})
done
# NetworkManager's command alone, with its libraries: the package around it
# would take over this machine's network at its next start.
nmcli=
if wanted network-manager && ! command -v nmcli >/dev/null; then
	nmcli=missing
	missing+=(libnm0 libpolkit-agent-1-0)
fi
# promtool alone, which needs nothing: the package around it starts Prometheus.
promtool=
if wanted prometheus && ! command -v promtool >/dev/null; then
	promtool=missing
fi
# What Debian has no package of, npm brings. axe-core looks for what keeps people
# with screen readers or keyboards out; its content is held against the sum.
brought=/usr/local/share/schoolbridge-peers
axe=$brought/axe.min.js axe_version=4.14.1
axe_sum=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
npm=()
if wanted axe-core && ! echo "$axe_sum  $axe" | sha256sum --check --status 2>/dev/null; then
	npm+=(axe)
fi
# oidc-provider is somebody else's OpenID provider; the sums are in the lock file,
# whose copy is there once all is.
provider=$(dirname "$0")/../internal/oidctest/provider
if wanted oidc-provider && ! cmp -s "$provider/package-lock.json" "$brought/oidc-provider/package-lock.json"; then
	npm+=(oidc)
fi
[ ${#missing[@]} -eq 0 ] && [ ${#npm[@]} -eq 0 ] && [ -z "$promtool" ] && exit 0

root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "make test installs ${missing[*]}: run it as root, or install them and run it again" >&2; exit 1; }
	root=(sudo)
fi
get_axe() {
	local folder
	folder=$(mktemp -d)
	(cd "$folder" && npm pack --silent "axe-core@$axe_version" >/dev/null && tar xzf "axe-core-$axe_version.tgz" package/axe.min.js)
	echo "$axe_sum  $folder/package/axe.min.js" | sha256sum --check --status || { echo "axe-core $axe_version is not what it was" >&2; exit 1; }
	"${root[@]}" install -D -m 0644 "$folder/package/axe.min.js" "$axe"
	rm -rf "$folder"
}
get_oidc() {
	local folder
	folder=$(mktemp -d)
	cp "$provider/package.json" "$provider/package-lock.json" "$folder"
	(cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund)
	"${root[@]}" rm -rf "$brought/oidc-provider"
	"${root[@]}" mkdir -p "$brought/oidc-provider"
	"${root[@]}" cp -r "$folder/node_modules" "$brought/oidc-provider"
	"${root[@]}" install -m 0644 "$folder/package-lock.json" "$brought/oidc-provider"
	rm -rf "$folder"
}
# program PACKAGE PROGRAM takes one program out of a package that is not installed.
program() {
	local folder
	folder=$(mktemp -d)
	(cd "$folder" && apt-get download -q "$1" && dpkg-deb -x "$1"_*.deb .)
	"${root[@]}" install -m 0755 "$folder/usr/bin/$2" "/usr/local/bin/$2"
	rm -rf "$folder"
}
[ -z "$promtool" ] || program prometheus promtool
by_npm() { for name in "${npm[@]}"; do "get_$name"; done; }
if [ ${#missing[@]} -eq 0 ]; then
	by_npm
	exit 0
fi
policy=/usr/sbin/policy-rc.d made=
if [ ! -e $policy ]; then
	made=$policy
	printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
	"${root[@]}" chmod 0755 $policy
	trap '"${root[@]}" rm -f $made' EXIT
fi
# The name services' and PAM's modules enter themselves into the machine's own
# configuration, which is put back: the tests use copies.
kept=$(mktemp -d)
cp -a /etc/nsswitch.conf /etc/pam.d "$kept"
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
"${root[@]}" cp -a "$kept/nsswitch.conf" /etc/nsswitch.conf
"${root[@]}" cp -a "$kept/pam.d/." /etc/pam.d/
rm -rf "$kept"
if [ -n "$nmcli" ]; then
	program network-manager nmcli
fi
# Nor are they to be started with the machine; who had them before, keeps them.
if [ ${#units[@]} -gt 0 ] && command -v systemctl >/dev/null; then
	"${root[@]}" systemctl disable "${units[@]}" || echo "these services may start with the machine: ${units[*]}" >&2
fi
by_npm
