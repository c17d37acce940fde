#!/bin/bash
# The first installation of the README, tried over a copy of this system that goes with
# the process: unshare --mount --net --pid --fork bash try.sh PACKAGE FOLDER
# Says in words what the test looks for.
set -euo pipefail
package=$1 folder=$2
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
mkdir "$folder"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
mount -t proc proc "$folder/root/proc"
mount --bind /dev "$folder/root/dev"
ip link set lo up
cp "$package" "$folder/root/tmp/schoolbridge.deb"
rm -rf "$folder/root/etc/schoolbridge" "$folder/root/var/lib/schoolbridge" "$folder/root/var/backups/schoolbridge"
cat >"$folder/root/tmp/within.sh" <<'WITHIN'
set -euo pipefail
config=/etc/schoolbridge/config.yaml
daemons=(setpriv --reuid schoolbridge --regid schoolbridge --clear-groups --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service)
as() { "${daemons[@]}" "$@"; }
told() { local code=0; "${@:2}" || code=$?; echo "$1: exit $code"; }

dpkg -i /tmp/schoolbridge.deb
stat -c "%n %a %U" /usr/bin/schoolbridge /lib/systemd/system/schoolbridge.service /etc/schoolbridge /etc/schoolbridge/secrets /etc/schoolbridge/tls \
	$config /var/lib/schoolbridge /var/backups/schoolbridge /lib/systemd/system/schoolbridge-backup.service /lib/systemd/system/schoolbridge-backup.timer /usr/share/doc/schoolbridge/docs/runbooks.ru.md /usr/share/doc/schoolbridge/monitoring/alerts.yaml
[ -e /etc/systemd/system/multi-user.target.wants/schoolbridge.service ] || echo "not enabled"
told unconfigured as schoolbridge config check --lang en --config $config

cd /etc/schoolbridge
own="install -m 0600 -o schoolbridge -g schoolbridge /dev/stdin"
openssl rand -hex 16 | $own secrets/radius-school-49
openssl rand -hex 16 | $own secrets/radius-probe
openssl rand -hex 16 | $own secrets/reader
openssl rand -hex 16 | $own secrets/mosru
new="openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
$new -days 3650 -subj "/CN=School 49 CA" -keyout tls/ca-key.pem -out tls/ca.pem
$new -days 365 -CA tls/ca.pem -CAkey tls/ca-key.pem -subj "/CN=bridge.school49.example" \
	-addext "subjectAltName=DNS:bridge.school49.example" -addext "basicConstraints=critical,CA:FALSE" \
	-addext "extendedKeyUsage=serverAuth" -keyout tls/server-key.pem -out tls/server.pem
chown schoolbridge: tls/*.pem && chmod 0600 tls/*-key.pem && chown root:schoolbridge config.yaml
as schoolbridge config check --config $config

mkdir /tmp/exports
printf 'ekis_id,nsi_id,name,founder,district\n000149,1,ГБОУ Школа № 49,Департамент,ЮАО\n' >/tmp/exports/schools.csv
printf 'id,fio,snils,school,start,end,position\nk1,Орлова Мария Игоревна,112-233-445 95,000149,2015-09-01,,учитель\n' >/tmp/exports/kadry.csv
chmod -R a+rX /tmp/exports
as schoolbridge registry import --lang en --config $config /tmp/exports

"${daemons[@]}" schoolbridge serve --config $config >/tmp/serve.log 2>&1 &
daemon=$!
for second in $(seq 120); do
	if as schoolbridge doctor --ready --lang en --config $config >/dev/null; then echo "ready after $second"; break; fi
	sleep 1
done
echo "runs as $(stat -c %U /proc/$daemon)"
told "doctor --ready" as schoolbridge doctor --ready --lang en --config $config
told doctor as schoolbridge doctor --lang en --config $config
# The timer's command, as systemd reads it, beside the daemon.
sed -n "s/^ExecStart=\/bin\/sh -c '\(.*\)'$/\1/p" /lib/systemd/system/schoolbridge-backup.service | sed 's/%%/%/g; s/\$\$/$/g' >/tmp/nightly.sh
told "nightly backup" as sh -eu /tmp/nightly.sh
told "backup verify" as schoolbridge backup verify --config $config /var/backups/schoolbridge/*.db
# Whoever took over the daemon of an earlier package, which owned the folder, has laid
# links there; then comes an upgrade.
echo precious >/root/precious && chmod 0600 /root/precious
mkdir -m 0700 /root/folder
mv config.yaml secrets /tmp
chown schoolbridge: .
as ln -s /root/precious config.yaml
as ln -s /root/folder secrets
/var/lib/dpkg/info/schoolbridge.postinst configure 0
stat -c "upgrade: %n %a %U" /root/precious /root/folder /etc/schoolbridge
rm config.yaml secrets
mv /tmp/config.yaml /tmp/secrets .
kill $daemon
wait $daemon || { cat /tmp/serve.log; exit 1; }
dpkg --purge schoolbridge
[ -s /var/lib/schoolbridge/schoolbridge.db ] && [ -s /var/lib/schoolbridge/keyset.json ] && [ -e /etc/schoolbridge/secrets/reader ] && echo "kept after purge"
WITHIN
chroot "$folder/root" bash /tmp/within.sh 2>&1
