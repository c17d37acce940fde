# make demo   the whole system on loopback; pass flags with ARGS=--fresh
# make test   everything, as the build machine runs it
# The other targets are parts of these two.

VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Debian's version: that of the last tag, or of the commit's day where there is none.
DEB_VERSION := $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-/+/; s/-/./g' | grep . || git log -1 --format=0~%cd.%h --date=format:%Y%m%d 2>/dev/null || echo 0~dev)
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
TAGS        := peers

export CGO_ENABLED ?= 0

.PHONY: all build deb demo test peers lint vuln check fuzz bench bench-wifi bench-ldap bench-city bench-console bench-journal bench-replicas soak failover fmt clean
.NOTPARALLEL:

all: build

build:
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/schoolbridge ./cmd/schoolbridge

# The Debian package: bin/schoolbridge_VERSION_ARCH.deb
deb: build
	DEB_VERSION='$(DEB_VERSION)' GOARCH=$$(go env GOARCH) go run $(NFPM) package --config packaging/nfpm.yaml --packager deb --target bin/

demo: build
	./bin/schoolbridge demo --state demo-state $(ARGS)

# The client programs that the tests drive. None of the packages starts a service.
peers:
	./scripts/peers.sh

fmt:
	gofmt -w $$(git ls-files '*.go')

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; }
	go vet -tags $(TAGS) ./...
	go run $(STATICCHECK) -tags $(TAGS) ./...

# Known vulnerabilities, where the database can be reached.
vuln:
	./scripts/vuln.sh

# SQLite's own C code, as translated to Go, is not watched for races: nothing of ours
# is in it, and watched it takes three times as long, which was half of the whole run.
C_CODE  := modernc.org/sqlite/lib modernc.org/libc modernc.org/memory
NO_RACE := $(foreach package,$(C_CODE),'-gcflags=$(package)=-race=false -d=checkptr=0')

# The race detector needs cgo for the test binaries; the product is built without.
# Tests that may run beside one another wait for controllers more than they compute.
check:
	CGO_ENABLED=1 go test -race $(NO_RACE) -shuffle=on -parallel 4 -tags $(TAGS) -timeout 45m ./...

fuzz:
	./scripts/fuzz.sh 20s

test: peers build lint vuln fuzz check

bench:
	go test -run '^$$' -bench . -benchmem ./bench/...

# Ours beside FreeRADIUS, one table; bench/README.md says how to read it. Flags
# with ARGS: -quick -rounds 3 -rows PAP -out table.json
bench-wifi:
	./scripts/peers.sh freeradius
	go test -c -tags $(TAGS) -o bin/bench-wifi ./bench/wifi
	./bin/bench-wifi -test.run '^TestTable$$' -test.timeout 6h -table $(ARGS)

# Ours beside OpenLDAP's slapd. Flags with ARGS: -people 100000 -quick -rows bind
bench-ldap:
	./scripts/peers.sh slapd
	go test -c -tags $(TAGS) -o bin/bench-ldap ./bench/ldap
	./bin/bench-ldap -test.run '^TestTable$$' -test.timeout 6h -table $(ARGS)

# A whole city through every stage of provisioning. Flags with ARGS: -pupils 200000
# -staff 16000 -accounts 50000
bench-city:
	go test -c -o bin/bench-city ./bench/city
	./bin/bench-city -test.run '^TestCity$$' -test.v -test.timeout 24h -pupils 1000000 -staff 80000 $(ARGS)

# Every page of administration in a city of a million, as each role. The city is kept
# in WORLD, best in memory: filling it takes some 20 minutes of a processor. Flags with ARGS:
# -console.rows duplicates -console.strict
WORLD ?= /dev/shm/bench-console
bench-console:
	go test -c -o bin/bench-console ./cmd/schoolbridge
	cd cmd/schoolbridge && ../../bin/bench-console -test.run '^TestConsolePages$$' -test.v -test.timeout 6h -console.people 1000000 -console.rounds 20 -console.world $(WORLD) $(ARGS)

# The session journal of a city on a PostgreSQL of its own: what is on the disk, and how
# long searches take, cold and warm. A million sessions take a GB; bench/README.md.
ROWS ?= 10000000
bench-journal:
	go test -c -tags $(TAGS) -o bin/bench-journal ./internal/store
	cd internal/store && ../../bin/bench-journal -test.run '^TestJournalOfACity$$' -test.v -test.timeout 24h -journal.rows $(ROWS) $(ARGS)

# Two daemons on one PostgreSQL that serve a city: CPU of daemons, database and load for
# each kind of sign-in and for all at once. The people are made once, some 3 GB a million.
PEOPLE ?= 2000000
CITY ?= /var/tmp/bench-city-$(PEOPLE)
bench-replicas:
	go test -c -tags $(TAGS) -o bin/bench-people ./internal/store
	cd internal/store && ../../bin/bench-people -test.run '^TestPeopleOfACity$$' -test.v -test.timeout 24h -people.rows $(PEOPLE) -people.world $(CITY)
	go test -c -tags $(TAGS) -o bin/bench-replicas ./bench/replicas
	cd bench/replicas && ../../bin/bench-replicas -test.run '^TestTable$$' -test.v -test.timeout 6h -table -city $(CITY) $(ARGS)

# A school that lives while everything goes wrong: bench/soak says what is judged.
soak:
	go test -run TestSoak -v -count 1 -timeout 0 ./bench/soak -args -strict -rate 500 -for 30m -people 2000 -churn 1 $(ARGS)

# The same on PostgreSQL, whose primary dies twice. Flags with ARGS: -for 5m
failover:
	./scripts/peers.sh postgresql etcd-server patroni python3-etcd python3-psycopg2
	go test -tags $(TAGS) -run TestFailover -v -count 1 -timeout 0 ./bench/soak -args -strict -rate 500 -activations 20 -for 90s -people 2000 -churn 1 $(ARGS)

clean:
	rm -rf bin demo-state artefacts
