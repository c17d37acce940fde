package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sentence begins what is said to a database, and part what is said in the middle of it.
// Keywords are written in capitals here; whoever writes a statement without is noticed by
// its first word.
var (
	sentence = regexp.MustCompile(`(?i)^\s*(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS|CREATE|ALTER|DROP|SET \w+ =|LOCK TABLE|TRUNCATE|VACUUM|BEGIN|DECLARE|EXPLAIN|DO) `)
	part     = regexp.MustCompile(`\b(?:WHERE|FROM|VALUES|CONFLICT|RETURNING|ORDER BY|FOR|SET|REFERENCES|CONSTRAINT|USING|LISTEN|NOTIFY|LOCK|LOCKED|CREATE|TRIGGER) ?`)
)

// apart is what engines that speak PostgreSQL's dialect do not share, or do otherwise.
var apart = []struct {
	why  string
	what *regexp.Regexp
}{
	{"advisory locks", regexp.MustCompile(`(?i)pg_(?:try_)?advisory`)},
	{"news among sessions", regexp.MustCompile(`\b(?:LISTEN|UNLISTEN|NOTIFY)\b|(?i:pg_notify)`)},
	{"extensions", regexp.MustCompile(`(?i)\bEXTENSION\b`)},
	{"code that the server runs", regexp.MustCompile(`\b(?:TRIGGER|FUNCTION|PROCEDURE|RULE|LANGUAGE)\b|(?i:^\s*DO\s+\$)`)},
	{"columns of the engine's own", regexp.MustCompile(`(?i)\b(?:ctid|xmin|xmax|cmin|cmax|tableoid|oid)\b`)},
	{"locks beyond the row that serialises writers", regexp.MustCompile(`\bSKIP LOCKED\b|\bNOWAIT\b|\bLOCK TABLE\b|\bFOR (?:UPDATE|SHARE|NO KEY|KEY SHARE)\b`)},
	{"tables of a session", regexp.MustCompile(`\bTEMP(?:ORARY)?\b|\bUNLOGGED\b`)},
	{"constraints that wait for the end", regexp.MustCompile(`\bDEFERR|\bINITIALLY\b|\bEXCLUDE USING\b`)},
	{"numbers that the server gives", regexp.MustCompile(`\b(?:SERIAL|BIGSERIAL|IDENTITY|SEQUENCE)\b|(?i:\bnextval\()`)},
	{"indexes and tables of kinds that not every engine has", regexp.MustCompile(`(?i)\bUSING (?:gin|gist|brin|spgist|hash)\b|\bINHERITS\b|\bTABLESPACE\b|\bCLUSTER\b|\bCONCURRENTLY\b`)},
	{"cursors, savepoints and two-phase commits", regexp.MustCompile(`\b(?:DECLARE|SAVEPOINT|PREPARE TRANSACTION|COPY)\b`)},
	{"upkeep of the server", regexp.MustCompile(`\b(?:VACUUM|ANALYZE|REINDEX|CHECKPOINT)\b`)},
	{"the catalogue", regexp.MustCompile(`(?i)\b(?:pg_catalog|pg_class|pg_stat|pg_size|pg_total|information_schema|current_setting|to_regclass)`)},
}

// known are statements of which the engine is asked and may say that it has no such thing
// (postgres's unsupported): nothing but the age of deleted bytes rests on them.
var known = map[string]bool{"VACUUM (FULL) ": true}

func amiss(text string) (why string) {
	if known[text] || !sentence.MatchString(text) && !part.MatchString(text) {
		return ""
	}
	for _, a := range apart {
		if a.what.MatchString(text) {
			return a.why
		}
	}
	return ""
}

// TestSharedSQL: what the store says, and what makes its tables, keeps to what engines that
// speak PostgreSQL's dialect share. It reads every text of the two packages that speak
// to such an engine, so that a statement which no test reaches counts too.
func TestSharedSQL(t *testing.T) {
	statements := 0
	for _, pattern := range []string{"*.go", "postgres/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) < 5 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				text, ok := n.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					return true
				}
				said, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				if sentence.MatchString(said) {
					statements++
				}
				if why := amiss(said); why != "" {
					t.Errorf("%s: %s: %q", set.Position(text.Pos()), why, said)
				}
				return true
			})
		}
	}
	if statements < 300 {
		t.Errorf("%d statements: not all were read", statements)
	}
	t.Logf("%d statements", statements)
}

// What is to be found is found.
func TestSharedSQLFindsWhatIsApart(t *testing.T) {
	for _, text := range []string{
		"SELECT pg_advisory_xact_lock(1)", "LISTEN feed", "NOTIFY feed", "SELECT pg_notify('feed', '')", "CREATE EXTENSION IF NOT EXISTS pg_trgm",
		"CREATE TRIGGER t AFTER INSERT ON people EXECUTE FUNCTION f()", "SELECT id FROM jobs WHERE ctid = ?", "select xmin from people",
		"SELECT id FROM jobs ORDER BY at LIMIT 1 FOR UPDATE SKIP LOCKED", " FROM jobs FOR UPDATE", "LOCK TABLE people IN EXCLUSIVE MODE",
		"CREATE TEMP TABLE found (id BIGINT)", "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c DEFERRABLE INITIALLY DEFERRED",
		"CREATE TABLE t (id BIGSERIAL)", "CREATE INDEX i ON people USING gin (names)", "DECLARE c CURSOR FOR SELECT 1", "VACUUM people",
		"SELECT pg_total_relation_size('people')", "CREATE INDEX CONCURRENTLY i ON t (a)",
	} {
		if amiss(text) == "" {
			t.Errorf("nothing is said of %q", text)
		}
	}
	for _, text := range []string{"SELECT n FROM feed_head WHERE id = ?", "INSERT INTO turn (id, n) VALUES (1, 0) ON CONFLICT (id) DO NOTHING", "CREATE INDEX IF NOT EXISTS turns_at ON turns (at)"} {
		if why := amiss(text); why != "" {
			t.Errorf("%s: %q", why, text)
		}
	}
}
