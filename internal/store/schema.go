package store

import (
	"context"
	"fmt"
	"strconv"
)

// migration is one step of the schema, forward only. Versions N and N+1 share
// a database while replicas roll, so a step adds and does not take away what
// the version before it reads; oldest is the lowest program version that may
// still use the database afterwards, its own where that was not to be had. What
// the version before says is recorded and held against the new schema
// (storetest.Previous), and bench/soak upgrades one under load (TestUpgrade).
type migration struct {
	oldest     int
	statements []string
}

// migrations are applied in order; a released one is never edited. Column
// types and {table} are the driver's (see Driver.SQL).
//
// Dates are YYYY-MM-DD text, times microseconds since 1970, flags 0 or 1.
// Columns named sealed hold ciphertext; those named digest hold keyed digests
// of 32 bytes. Columns in clear name nobody.
var migrations = []migration{{oldest: 1, statements: []string{
	`CREATE TABLE secrets (name {text} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){table}`,
	`CREATE TABLE counters (name {text} NOT NULL PRIMARY KEY, value {int} NOT NULL){table}`,

	// Registries.
	`CREATE TABLE schools (key {text} NOT NULL PRIMARY KEY, nsi {text} NOT NULL, name {text} NOT NULL, founder {text} NOT NULL,
		district {text} NOT NULL, digest {bytes} NOT NULL, sealed {bytes} NOT NULL, gone {text} NOT NULL)`,
	`CREATE TABLE employments (key {text} NOT NULL PRIMARY KEY, school {text} NOT NULL, starts {text} NOT NULL, ends {text} NOT NULL,
		gone {text} NOT NULL, digest {bytes} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE TABLE enrolments (key {text} NOT NULL PRIMARY KEY, school {text} NOT NULL, class {text} NOT NULL, status {text} NOT NULL,
		merged_to {text} NOT NULL, gone {text} NOT NULL, digest {bytes} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX enrolments_merged ON enrolments (merged_to) WHERE merged_to <> ''`,
	`CREATE TABLE cards (key {text} NOT NULL PRIMARY KEY, child {text} NOT NULL, school {text} NOT NULL, gone {text} NOT NULL,
		digest {bytes} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX cards_child ON cards (child)`,
	`CREATE TABLE lookups (kind {int} NOT NULL, version {int} NOT NULL, digest {bytes} NOT NULL, record_kind {int} NOT NULL,
		record_key {text} NOT NULL, PRIMARY KEY (digest, kind, version, record_kind, record_key)){table}`,

	// People.
	`CREATE TABLE people (id {bytes} NOT NULL PRIMARY KEY, subject_version {int} NOT NULL, subject_digest {bytes} NOT NULL,
		epoch {int} NOT NULL, epoch_at {int} NOT NULL, state {int} NOT NULL, upstream {int} NOT NULL, upstream_at {int} NOT NULL,
		created {int} NOT NULL, modified {int} NOT NULL, seq {int} NOT NULL, sealed {bytes} NOT NULL, UNIQUE (subject_digest, subject_version))`,
	`CREATE TABLE bindings (kind {int} NOT NULL, key {text} NOT NULL, parent_digest {bytes} NOT NULL, parent_version {int} NOT NULL,
		person {bytes} NOT NULL REFERENCES people (id), at {int} NOT NULL,
		PRIMARY KEY (kind, key, parent_digest, parent_version)){table}`,
	`CREATE INDEX bindings_person ON bindings (person)`,
	`CREATE TABLE names (digest {bytes} NOT NULL, version {int} NOT NULL, person {bytes} NOT NULL REFERENCES people (id),
		kind {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (digest, version)){table}`,
	`CREATE INDEX names_person ON names (person)`,
	`CREATE TABLE accounts (person {bytes} NOT NULL PRIMARY KEY REFERENCES people (id), uid_number {int} NOT NULL UNIQUE,
		gid_number {int} NOT NULL, uuid {bytes} NOT NULL UNIQUE, created {int} NOT NULL, sealed {bytes} NOT NULL)`,

	// Targets. A row's seen is the revision that the last pass left: what is
	// above it came afterwards. Somebody waits for an urgent one. off_at is when
	// it was switched off last without anybody's consent.
	`CREATE TABLE targets (person {bytes} NOT NULL REFERENCES people (id), target {text} NOT NULL, object {bytes}, name {bytes} NOT NULL,
		stamp {text} NOT NULL, observed {bytes} NOT NULL, password_epoch {int} NOT NULL, password_at {int} NOT NULL, revision {int} NOT NULL,
		seen {int} NOT NULL, failures {int} NOT NULL, urgent {int} NOT NULL, due {int} NOT NULL, updated {int} NOT NULL, off_at {int} NOT NULL,
		PRIMARY KEY (person, target), UNIQUE (target, object))`,
	`CREATE INDEX targets_due ON targets (target, urgent, due)`,
	`CREATE INDEX targets_failed ON targets (target, due) WHERE failures > 0`,
	`CREATE INDEX targets_off ON targets (target, off_at) WHERE off_at > 0`,
	`CREATE TABLE claims (target {text} NOT NULL, object {bytes} NOT NULL, kind {int} NOT NULL, key {text} NOT NULL, created {int} NOT NULL,
		sealed {bytes} NOT NULL, PRIMARY KEY (target, object, kind, key))`,
	`CREATE INDEX claims_record ON claims (kind, key)`,
	`CREATE TABLE leases (name {text} NOT NULL PRIMARY KEY, holder {text} NOT NULL, until {int} NOT NULL){table}`,
	`CREATE TABLE passwords (person {bytes} NOT NULL PRIMARY KEY REFERENCES people (id), id {bytes} NOT NULL, epoch {int} NOT NULL,
		learnt {int} NOT NULL, until {int} NOT NULL, day {text} NOT NULL, digest {bytes} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX passwords_day ON passwords (day)`,
	`CREATE TABLE day_keys (day {text} NOT NULL PRIMARY KEY, sealed {bytes} NOT NULL)`,

	// Credentials.
	`CREATE TABLE verifiers (person {bytes} NOT NULL PRIMARY KEY REFERENCES people (id), epoch {int} NOT NULL, learnt {int} NOT NULL,
		sealed {bytes} NOT NULL)`,
	`CREATE TABLE events (id {text} NOT NULL PRIMARY KEY, at {int} NOT NULL){table}`,
	`CREATE INDEX events_at ON events (at)`,

	// Change feed.
	`CREATE TABLE feed (seq {int} NOT NULL PRIMARY KEY, row_id {bytes} NOT NULL, kind {int} NOT NULL, person {bytes} NOT NULL)`,
	`CREATE TABLE feed_head (id {int} NOT NULL PRIMARY KEY, seq {int} NOT NULL, row_id {bytes} NOT NULL, pruned {int} NOT NULL)`,

	// Audit.
	`CREATE TABLE audit (chain {text} NOT NULL, seq {int} NOT NULL, at {int} NOT NULL, kind {text} NOT NULL, person {bytes} NOT NULL,
		sealed {bytes} NOT NULL, payload_hash {bytes} NOT NULL, previous {bytes} NOT NULL, version {int} NOT NULL,
		hash {bytes} NOT NULL, PRIMARY KEY (chain, seq{at})){table}`,
	`CREATE INDEX audit_person ON audit (person, at)`,
	`CREATE TABLE audit_heads (chain {text} NOT NULL PRIMARY KEY, seq {int} NOT NULL, hash {bytes} NOT NULL, version {int} NOT NULL,
		seal {bytes} NOT NULL){table}`,
}}, {oldest: 1, statements: []string{
	// Events about city accounts that nobody here is bound to, for an hour.
	`CREATE TABLE strays (digest {bytes} NOT NULL, version {int} NOT NULL, at {int} NOT NULL, upstream {int} NOT NULL, upstream_at {int} NOT NULL,
		PRIMARY KEY (digest, version)){table}`,
	`CREATE INDEX strays_at ON strays (at)`,
}}, {oldest: 1, statements: []string{
	// Who was on the Wi-Fi when. unit is what a NAS calls itself. heard and
	// deadline bound the end of a session of which no Stop came.
	`CREATE TABLE sessions (id {bytes} NOT NULL PRIMARY KEY, key_digest {bytes} NOT NULL, device_digest {bytes}, name_digest {bytes},
		nas {text} NOT NULL, unit {text} NOT NULL, person {bytes} NOT NULL, began {int} NOT NULL, heard {int} NOT NULL, stopped {int} NOT NULL,
		deadline {int} NOT NULL, ended {int} NOT NULL, ending {int} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX sessions_key ON sessions (key_digest)`,
	`CREATE INDEX sessions_device ON sessions (device_digest, began)`,
	`CREATE INDEX sessions_name ON sessions (name_digest, began) WHERE name_digest IS NOT NULL`,
	`CREATE INDEX sessions_person ON sessions (person, began)`,
	`CREATE INDEX sessions_unit ON sessions (nas, unit, deadline) WHERE stopped = 0`,
	`CREATE INDEX sessions_live ON sessions (deadline) WHERE ended = 0`,
	`CREATE INDEX sessions_ended ON sessions (ended) WHERE ended > 0`,
	`CREATE TABLE session_addresses (digest {bytes} NOT NULL, session {bytes} NOT NULL REFERENCES sessions (id), PRIMARY KEY (digest, session)){table}`,
	`CREATE INDEX session_addresses_session ON session_addresses (session)`,
	`CREATE TABLE nas_restarts (nas {text} NOT NULL, unit {text} NOT NULL, at {int} NOT NULL, PRIMARY KEY (nas, unit, at)){table}`,
	`CREATE INDEX nas_restarts_at ON nas_restarts (at)`,
	`CREATE TABLE disconnects (session {bytes} NOT NULL PRIMARY KEY REFERENCES sessions (id), why {text} NOT NULL, asked {int} NOT NULL,
		state {int} NOT NULL, tries {int} NOT NULL, due {int} NOT NULL, at {int} NOT NULL, cause {int} NOT NULL)`,
	`CREATE INDEX disconnects_due ON disconnects (due) WHERE state = 0`,
}}, {oldest: 1, statements: []string{
	// What lets TLS sessions on the Wi-Fi be taken up again, and the secrets of
	// their tickets.
	`CREATE TABLE resumptions (handle {bytes} NOT NULL PRIMARY KEY, expires {int} NOT NULL, sealed {bytes} NOT NULL){table}`,
	`CREATE INDEX resumptions_expires ON resumptions (expires)`,
	`CREATE TABLE ticket_secrets (made {int} NOT NULL PRIMARY KEY, sealed {bytes} NOT NULL)`,
}}, {oldest: 1, statements: []string{
	// A NAS may be asked to change a session instead (journal.How).
	`ALTER TABLE disconnects ADD COLUMN how {int} NOT NULL DEFAULT 0`,
}}, {oldest: 1, statements: []string{
	// The objectSid of accounts in Active Directory, for LDAP.
	`ALTER TABLE targets ADD COLUMN sid {bytes}`,
}}, {oldest: 1, statements: []string{
	// Sign-ins of the audit trail, which go after their time; blocks of them, and
	// who is in which (audit_index.go). An older version goes on with the chain,
	// verifies it and does not see what is in blocks.
	`CREATE INDEX audit_sign_ins ON audit (at) WHERE substr(kind, 1, 7) = 'sign_in' AND length(sealed) > 0`,
	`CREATE INDEX audit_blocks ON audit (chain, seq) WHERE kind = 'sign_ins' AND length(sealed) > 0`,
	`CREATE TABLE audit_index (chain {text} NOT NULL, bucket {int} NOT NULL, upto {int} NOT NULL, first {int} NOT NULL,
		sealed {bytes} NOT NULL, PRIMARY KEY (chain, bucket, upto)){table}`,
}}, {oldest: 8, statements: []string{
	// A record moves the deadline of its session and no index with it: due is when
	// that is looked at, and follows. Who looks for what ends a session, or is ended,
	// passes by all that the device did before: stopped is 0 or not before began. The
	// sealed columns are in another layout from here on (journal_seal.go).
	`ALTER TABLE sessions ADD COLUMN due {int} NOT NULL DEFAULT 0`,
	`DROP INDEX sessions_live`,
	`DROP INDEX sessions_unit`,
	`DROP INDEX sessions_device`,
	`CREATE INDEX sessions_due ON sessions (due) WHERE ended = 0`,
	`CREATE INDEX sessions_open ON sessions (nas, unit, ended) WHERE stopped = 0`,
	`CREATE INDEX sessions_of_device ON sessions (device_digest, stopped, began)`,
}}, {oldest: 8, statements: []string{
	// For lists and statistics: what the last activation of a city account came to
	// where something is to be repaired, sign-ins to ЭЖД, and each day's figures;
	// its school '' is all of them together.
	`CREATE TABLE tries (digest {bytes} NOT NULL, version {int} NOT NULL, at {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (digest, version)){table}`,
	`CREATE INDEX tries_at ON tries (at)`,
	`CREATE TABLE ezhd_logins (key {text} NOT NULL PRIMARY KEY, school {text} NOT NULL, logins {int} NOT NULL, last {text} NOT NULL,
		gone {text} NOT NULL, digest {bytes} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE TABLE statistics (school {text} NOT NULL, day {text} NOT NULL, accounts {int} NOT NULL, activated {int} NOT NULL, failed {int} NOT NULL,
		only_here {int} NOT NULL, sign_ins {int} NOT NULL, PRIMARY KEY (school, day)){table}`,
}}, {oldest: 8, statements: []string{
	// What names look like, so that none that is made here looks like another's
	// (names.go), and the names that targets have or had beside those of people. An
	// older version writes names without a look; they get it at the next start.
	`ALTER TABLE names ADD COLUMN look {bytes}`,
	`ALTER TABLE names ADD COLUMN made {int} NOT NULL DEFAULT 0`,
	`CREATE INDEX names_look ON names (look)`,
	`CREATE INDEX names_without_look ON names (digest) WHERE look IS NULL`,
	`CREATE UNIQUE INDEX names_made ON names (look) WHERE made = 1`,
	`CREATE TABLE known_names (target {text} NOT NULL, digest {bytes} NOT NULL, look {bytes} NOT NULL, source {int} NOT NULL,
		PRIMARY KEY (target, digest)){table}`,
	`CREATE INDEX known_names_look ON known_names (look)`,
}}, {oldest: 8, statements: []string{
	// What was done to accounts that one person had too many of, and how it is
	// taken back. id is made of the accounts' GUIDs.
	`CREATE TABLE repairs (target {text} NOT NULL, id {text} NOT NULL, phase {int} NOT NULL, stopped {text} NOT NULL, made {int} NOT NULL,
		changed {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (target, id))`,
	`CREATE TABLE repair_steps (target {text} NOT NULL, id {text} NOT NULL, seq {int} NOT NULL, stage {int} NOT NULL, at {int} NOT NULL,
		sealed {bytes} NOT NULL, PRIMARY KEY (target, id, seq))`,
}}, {oldest: 8, statements: []string{
	// For the curators' queue: accounts of a target of which a person says whose
	// they are, and what people have decided. digest is the city account's whose
	// activations ask about it, kind and key are the record's that it binds.
	`CREATE TABLE doubts (target {text} NOT NULL, object {bytes} NOT NULL, at {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (target, object))`,
	`CREATE TABLE decisions (id {text} NOT NULL PRIMARY KEY, item {text} NOT NULL, run {text} NOT NULL, verb {text} NOT NULL, digest {bytes}, version {int} NOT NULL,
		object {bytes}, kind {int}, key {text}, at {int} NOT NULL, undone {int} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX decisions_item ON decisions (item)`,
	`CREATE INDEX decisions_at ON decisions (at)`,
	`CREATE INDEX decisions_verb ON decisions (verb) WHERE undone = 0`,
	`CREATE INDEX decisions_run ON decisions (run) WHERE run <> ''`,
	`CREATE INDEX decisions_subject ON decisions (digest) WHERE digest IS NOT NULL`,
	`CREATE INDEX decisions_object ON decisions (object) WHERE object IS NOT NULL AND undone = 0`,
	`CREATE INDEX decisions_record ON decisions (kind, key) WHERE key IS NOT NULL AND undone = 0`,
}}, {oldest: 13, statements: []string{
	// When an account was moved or renamed last without anybody's consent; renaming:
	// a name was confirmed that the target does not have yet.
	`ALTER TABLE targets ADD COLUMN moved_at {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE targets ADD COLUMN renamed_at {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE targets ADD COLUMN renaming {int} NOT NULL DEFAULT 0`,
	`CREATE INDEX targets_moved ON targets (target, moved_at) WHERE moved_at > 0`,
	`CREATE INDEX targets_renamed ON targets (target, renamed_at) WHERE renamed_at > 0`,
	// rematch: a registry got a row that may be this person's. idle is the day since
	// which nobody needs the person here, and erased when the personal data went.
	`ALTER TABLE people ADD COLUMN rematch {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE people ADD COLUMN idle {text} NOT NULL DEFAULT ''`,
	`ALTER TABLE people ADD COLUMN erased {int} NOT NULL DEFAULT 0`,
	`CREATE INDEX people_rematch ON people (id) WHERE rematch > 0`,
	`CREATE INDEX people_idle ON people (idle) WHERE idle <> ''`,
	// What has left the registries, and old answers, for erasure.
	`CREATE INDEX employments_gone ON employments (gone, key) WHERE gone <> ''`,
	`CREATE INDEX enrolments_gone ON enrolments (gone, key) WHERE gone <> ''`,
	`CREATE INDEX cards_gone ON cards (gone, key) WHERE gone <> ''`,
	`CREATE INDEX ezhd_logins_gone ON ezhd_logins (gone, key) WHERE gone <> ''`,
	`CREATE INDEX doubts_at ON doubts (at)`,
	`CREATE INDEX repairs_changed ON repairs (changed)`,
}}, {oldest: 13, statements: []string{
	// Which city account has a login at mos.ru, as it told last (city.go).
	`CREATE TABLE city_logins (digest {bytes} NOT NULL, version {int} NOT NULL, subject_digest {bytes} NOT NULL, subject_version {int} NOT NULL, at {int} NOT NULL,
		PRIMARY KEY (digest, version)){table}`,
	`CREATE INDEX city_logins_at ON city_logins (at)`,
}}, {oldest: 13, statements: []string{
	// Sessions of browsers: handle is the digest of what the cookie holds, owner
	// that of the city account.
	`CREATE TABLE web_sessions (handle {bytes} NOT NULL PRIMARY KEY, owner {bytes} NOT NULL, seen {int} NOT NULL, ends {int} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX web_sessions_owner ON web_sessions (owner, seen)`,
	`CREATE INDEX web_sessions_ends ON web_sessions (ends)`,
}}, {oldest: 13, statements: []string{
	// Who administers what, and with which second factor. break_glass has one row.
	`CREATE TABLE rights (person {bytes} NOT NULL REFERENCES people (id), role {text} NOT NULL, at {int} NOT NULL, sealed {bytes} NOT NULL,
		PRIMARY KEY (person, role)){table}`,
	`CREATE TABLE factors (person {bytes} NOT NULL PRIMARY KEY REFERENCES people (id), at {int} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE TABLE break_glass (id {int} NOT NULL PRIMARY KEY, sealed {bytes} NOT NULL)`,
}}, {oldest: 13, statements: []string{
	// How surnames begin, for administrators who look for somebody (stems.go): rows
	// of an older version get it at the next start. And which tries to activate
	// speak of a record.
	`ALTER TABLE employments ADD COLUMN stem {int}`,
	`ALTER TABLE enrolments ADD COLUMN stem {int}`,
	`ALTER TABLE cards ADD COLUMN stem {int}`,
	`CREATE INDEX employments_stem ON employments (stem, school, key)`,
	`CREATE INDEX enrolments_stem ON enrolments (stem, school, key)`,
	`CREATE INDEX cards_stem ON cards (stem, school, key)`,
	`CREATE TABLE try_records (kind {int} NOT NULL, key {text} NOT NULL, digest {bytes} NOT NULL, version {int} NOT NULL,
		PRIMARY KEY (kind, key, digest, version)){table}`,
	`CREATE INDEX try_records_try ON try_records (digest, version)`,
}}, {oldest: 13, statements: []string{
	// Which questions there are in the curators' queue, for pages of them
	// (questions.go): a row for each school, and one for all, with school ''. And what
	// people wrote to support; source is the digest of where it came from, form what
	// makes one that is sent twice count once.
	`CREATE TABLE questions (school {text} NOT NULL, kind {text} NOT NULL, answered {int} NOT NULL, at {int} NOT NULL, stem {text} NOT NULL,
		PRIMARY KEY (school, kind, answered, at, stem)){table}`,
	`CREATE INDEX questions_stem ON questions (stem)`,
	`CREATE TABLE support_cases (number {int} NOT NULL PRIMARY KEY, form {bytes} NOT NULL UNIQUE, source {bytes} NOT NULL, signed {int} NOT NULL,
		at {int} NOT NULL, school {text} NOT NULL, sealed {bytes} NOT NULL)`,
	`CREATE INDEX support_cases_source ON support_cases (source, at)`,
	`CREATE INDEX support_cases_strangers ON support_cases (at) WHERE signed = 0`,
	`CREATE INDEX support_cases_at ON support_cases (at)`,
}}, {oldest: 13, statements: []string{
	// A school's own list of people, and until when it wants them to have activated
	// (rolls.go): dates, or nothing.
	`CREATE INDEX employments_school ON employments (school)`,
	`CREATE INDEX enrolments_school ON enrolments (school)`,
	`CREATE TABLE school_deadlines (school {text} NOT NULL PRIMARY KEY, staff {text} NOT NULL, pupils {text} NOT NULL, parents {text} NOT NULL)`,
}}, {oldest: 13, statements: []string{
	// Duplicates on the pages: the search that was asked for last, the groups that it
	// found (those of plan duplicate_hunts.plan count), and what people ordered. bulk
	// is how many accounts an approval of all that is certain puts to rest, disabling
	// how many of those could sign in. Members and schools of plan '' belong to orders
	// and repairs; n is a member's place in the group.
	`CREATE TABLE duplicate_hunts (target {text} NOT NULL PRIMARY KEY, phase {int} NOT NULL, asked {int} NOT NULL, plan {text} NOT NULL, made {int} NOT NULL,
		accounts {int} NOT NULL, sealed {bytes} NOT NULL){table}`,
	`CREATE TABLE duplicate_groups (target {text} NOT NULL, plan {text} NOT NULL, rank {int} NOT NULL, id {text} NOT NULL, level {int} NOT NULL,
		bulk {int} NOT NULL, disabling {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (target, plan, rank))`,
	`CREATE UNIQUE INDEX duplicate_groups_id ON duplicate_groups (target, plan, id)`,
	`CREATE INDEX duplicate_groups_level ON duplicate_groups (target, plan, level, rank, bulk, disabling)`,
	`CREATE TABLE duplicate_members (target {text} NOT NULL, object {bytes} NOT NULL, plan {text} NOT NULL, id {text} NOT NULL, PRIMARY KEY (target, object, plan, id)){table}`,
	`CREATE INDEX duplicate_members_id ON duplicate_members (target, plan, id)`,
	`CREATE TABLE duplicate_schools (target {text} NOT NULL, plan {text} NOT NULL, id {text} NOT NULL, n {int} NOT NULL, school {text} NOT NULL,
		PRIMARY KEY (target, plan, id, n, school)){table}`,
	`CREATE INDEX duplicate_schools_school ON duplicate_schools (target, plan, school, id)`,
	`CREATE TABLE duplicate_orders (target {text} NOT NULL, id {text} NOT NULL, verb {int} NOT NULL, stopped {text} NOT NULL, at {int} NOT NULL,
		accepted {int} NOT NULL, disabling {int} NOT NULL, sealed {bytes} NOT NULL, PRIMARY KEY (target, id))`,
	`CREATE INDEX duplicate_orders_at ON duplicate_orders (target, stopped, at, id)`,
	// How many accounts a repair disables; -1: an older version has not counted.
	`ALTER TABLE repairs ADD COLUMN disabling {int} NOT NULL DEFAULT -1`,
	`CREATE INDEX repairs_phase ON repairs (target, phase)`,
	`CREATE INDEX repairs_made ON repairs (target, made, id)`,
}}, {oldest: 13, statements: []string{
	// The audit trail without its sign-ins, to be read page by page (audit_browse.go).
	// actor is who did what a line tells of, '' for nobody in particular; of lines
	// that an older version wrote it is not known.
	`ALTER TABLE audit ADD COLUMN actor {text}`,
	`CREATE INDEX audit_told ON audit (at, chain, seq) WHERE substr(kind, 1, 7) <> 'sign_in'`,
	`CREATE INDEX audit_kind ON audit (kind, at, chain, seq) WHERE substr(kind, 1, 7) <> 'sign_in'`,
	`CREATE INDEX audit_actor ON audit (actor, at, chain, seq) WHERE actor <> ''`,
	`CREATE INDEX audit_unnamed ON audit (at, chain, seq) WHERE actor IS NULL AND substr(kind, 1, 7) <> 'sign_in'`,
}}, {oldest: 13, statements: []string{
	// Of which one school a group's accounts are, so that a page of them and their
	// number are found in an index: "" where none is known, NULL where there are several
	// or an older version wrote the row (duplicates_cases.go).
	`ALTER TABLE duplicate_groups ADD COLUMN school {text}`,
	`ALTER TABLE duplicate_orders ADD COLUMN school {text}`,
	`ALTER TABLE repairs ADD COLUMN school {text}`,
	`DROP INDEX duplicate_groups_level`,
	`CREATE INDEX duplicate_groups_places ON duplicate_groups (target, plan, rank, level, school, id)`,
	`CREATE INDEX duplicate_groups_level_places ON duplicate_groups (target, plan, level, rank, school, id)`,
	`CREATE INDEX duplicate_groups_school ON duplicate_groups (target, plan, school, level, bulk, disabling, id)`,
	`DROP INDEX repairs_made`,
	`CREATE INDEX repairs_places ON repairs (target, made, id, school)`,
	`CREATE INDEX repairs_school ON repairs (target, school, id)`,
	`DROP INDEX duplicate_orders_at`,
	`CREATE INDEX duplicate_orders_places ON duplicate_orders (target, stopped, at, id, school)`,
	// The same of questions, in their row for all schools (questions.go).
	`ALTER TABLE questions ADD COLUMN whose {text}`,
}}, {oldest: 13, statements: []string{
	// Sign-ins that a version before blocks wrote, each a line of its own: a search for
	// somebody's sign-ins does not go over all other lines of that person.
	`CREATE INDEX audit_own ON audit (person, at) WHERE substr(kind, 1, 7) = 'sign_in' AND kind <> 'sign_ins'`,
}}, {oldest: 13, statements: []string{
	// When an account was taken out of groups last without anybody's consent.
	`ALTER TABLE targets ADD COLUMN left_at {int} NOT NULL DEFAULT 0`,
	`CREATE INDEX targets_left ON targets (target, left_at) WHERE left_at > 0`,
}}, {oldest: 13, statements: []string{
	// Since which credential epoch the person has the city account of now: what an
	// account's password was before is another one's (decisions_transfer.go).
	`ALTER TABLE targets ADD COLUMN others_before {int} NOT NULL DEFAULT 0`,
}}, {oldest: 13, statements: []string{
	// Questions to mos.ru that were refused, or are under way (tally.go). login is a
	// keyed digest; mark a refused password's tag under the key of its day, day 0 where
	// there is none; slot the place of a row of a name that nobody has, which the next
	// one in it pushes out.
	`CREATE TABLE refusals (login {bytes} NOT NULL, place {bytes} NOT NULL, at {int} NOT NULL, expires {int} NOT NULL, epoch {int} NOT NULL,
		refused {int} NOT NULL, day {int} NOT NULL, mark {int} NOT NULL, step {int} NOT NULL, next {int} NOT NULL, webbed {int} NOT NULL, slot {int},
		PRIMARY KEY (login, place)){table}`,
	`CREATE INDEX refusals_expires ON refusals (expires)`,
	`CREATE UNIQUE INDEX refusals_slot ON refusals (slot)`,
	`CREATE TABLE tag_keys (day {int} NOT NULL PRIMARY KEY, sealed {bytes} NOT NULL){table}`,
}}, {oldest: 13, statements: []string{
	// Thousands of sessions have one address in turn, at many schools at once: those of
	// one time are found by when they began (journal_find.go), the few long ones apart.
	// Rows of older versions have none: 0.
	`ALTER TABLE session_addresses ADD COLUMN began {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE session_addresses ADD COLUMN long {int} NOT NULL DEFAULT 0`,
	`CREATE INDEX session_addresses_began ON session_addresses (digest, began)`,
	`CREATE INDEX session_addresses_long ON session_addresses (digest, began) WHERE long = 1`,
}}, {oldest: 13, statements: []string{
	// And until when, so that of a whole school behind one address only those sessions
	// are read that were there (journal_span.go). As long as that is not entered, as of
	// rows of older versions, it is for ever. The indexes hold all that is asked for.
	`ALTER TABLE session_addresses ADD COLUMN until {int} NOT NULL DEFAULT 9223372036854775807`,
	`DROP INDEX session_addresses_began`,
	`DROP INDEX session_addresses_long`,
	`CREATE INDEX session_addresses_span ON session_addresses (digest, began, until, session)`,
	`CREATE INDEX session_addresses_long_span ON session_addresses (digest, began, until, session) WHERE long = 1`,
}}}

// migrate brings the schema up to date in one transaction.
func (db *DB) migrate(ctx context.Context) error {
	return db.write(ctx, func(t *tx) error {
		if err := t.makeMeta(); err != nil {
			return err
		}
		if err := t.mayOpen(); err != nil {
			return err
		}
		version, err := t.meta("schema")
		if err != nil {
			return err
		}
		oldest, err := t.meta("oldest")
		if err != nil {
			return err
		}
		if version >= len(migrations) {
			return nil
		}
		if version > 0 {
			db.log.Info("the store's schema is being brought up to date, which takes minutes where a city's journal is in it", "from", version, "to", len(migrations))
		}
		for i := version; i < len(migrations); i++ {
			for _, statement := range migrations[i].statements {
				if err := t.exec(statement); err != nil {
					return fmt.Errorf("schema version %d: %w", i+1, err)
				}
			}
			oldest = max(oldest, migrations[i].oldest)
		}
		if version == 0 {
			if err := t.firstRows(); err != nil {
				return err
			}
		}
		if err := t.setMeta("oldest", oldest); err != nil {
			return err
		}
		db.log.Info("store schema brought up to date", "from", version, "to", len(migrations))
		return t.setMeta("schema", len(migrations))
	})
}

// makeMeta makes the table that says which schema there is.
func (t *tx) makeMeta() error {
	return t.exec(`CREATE TABLE IF NOT EXISTS meta (name {text} NOT NULL PRIMARY KEY, value {text} NOT NULL)`)
}

func (t *tx) firstRows() error {
	if err := t.exec("INSERT INTO feed_head (id, seq, row_id, pruned) VALUES (1, 0, ?, 0)", make([]byte, 16)); err != nil {
		return err
	}
	return t.exec("INSERT INTO counters (name, value) VALUES (?, ?)", "uid_number", firstUID-1)
}

func (t *tx) meta(name string) (int, error) {
	var value string
	err := t.row("SELECT value FROM meta WHERE name = ?", name).Scan(&value)
	if isNoRows(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

func (t *tx) setMeta(name string, value int) error {
	return t.exec("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		name, strconv.Itoa(value))
}
