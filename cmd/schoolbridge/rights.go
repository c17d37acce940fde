package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/factor"
	"schoolbridge/internal/grants"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
)

const rightsUsage = "list --config FILE [--format table|csv|csv-bom|json|xlsx] | grant --config FILE --role school|curator|operator|auditor [--school ID,ID…] [--json] LOGIN | " +
	"revoke --config FILE [--role ROLE] [--json] LOGIN | enrol --config FILE [--json] LOGIN | break-glass --config FILE [--json] [--lang ru|en]"

// auditRights is the kind of the line that tells that the list was read.
const auditRights = "rights"

// rightsCall is a command line of rights.
type rightsCall struct {
	verb, login, file, lang, format, role string
	schools                               []person.SchoolID
	json                                  bool
}

func parseRights(std streams, args []string) (c rightsCall, err error) {
	fs := flag.NewFlagSet("rights", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	fs.StringVar(&c.role, "role", "", "роль / the `ROLE`: school, curator, operator, auditor")
	fs.StringVar(&c.format, "format", "table", "list: вид: table, csv, csv-bom (для Excel), json или xlsx / `FORMAT`: table, csv, csv-bom (for Excel), json or xlsx")
	fs.BoolVar(&c.json, "json", false, "grant, revoke, enrol, break-glass: вывести JSON / print JSON")
	fs.Func("school", "grant: ID ЕКИС школы; куратору — несколько, через запятую или по одному / the school's `ID`; several for a curator, with commas or one by one", func(ids string) error {
		for id := range strings.SplitSeq(ids, ",") {
			if id = strings.TrimSpace(id); id != "" {
				c.schools = append(c.schools, person.SchoolID(id))
			}
		}
		return nil
	})
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	c.lang = *lang
	if len(words) > 0 {
		c.verb = words[0]
	}
	n, known := map[string]int{"list": 1, "break-glass": 1, "grant": 2, "revoke": 2, "enrol": 2}[c.verb]
	if !known || len(words) != n || !listFormat(c.format) || c.verb == "grant" && c.role == "" {
		return c, misused("rights")
	}
	if n == 2 {
		c.login = words[1]
	}
	if c.role != "" {
		if _, err := rights.ParseRole(c.role); err != nil {
			return c, usageError("rights: --role: %w", err)
		}
	}
	return c, nil
}

func (c rightsCall) say(ru, en string) string {
	if c.lang == "en" {
		return en
	}
	return ru
}

// runRights says who administers what, and changes it.
func runRights(ctx context.Context, std streams, args []string) error {
	call, err := parseRights(std, args)
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	r := &granter{rightsCall: call, std: std, config: c, db: db, now: time.Now()}
	switch call.verb {
	case "list":
		return r.list(ctx)
	case "break-glass":
		return r.breakGlass(ctx)
	}
	holder, err := holderOf(ctx, db, c, call.login)
	if err == nil && holder.Login == "" {
		err = identity.ErrNotFound
	}
	if errors.Is(err, identity.ErrNotFound) {
		return usageError("rights %s: «%s»: %s", call.verb, oneLine(call.login), call.say("такого логина среди активированных нет; ничего не изменено. Проверьте его командой schoolbridge explain",
			"there is no such login among the activated; nothing was changed. Look at it with schoolbridge explain"))
	}
	if err != nil {
		return err
	}
	switch call.verb {
	case "grant":
		return r.grant(ctx, holder)
	case "revoke":
		return r.revoke(ctx, holder)
	}
	return r.enrol(ctx, holder)
}

// granter is one run of the command.
type granter struct {
	rightsCall
	std    streams
	config *config.Config
	db     *store.DB
	now    time.Time
}

func (r *granter) clock(t time.Time) string {
	return t.In(r.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04")
}

// rightsDone is what a change came to.
type rightsDone struct {
	Person  string            `json:"person"`
	Login   string            `json:"login"`
	Name    string            `json:"name"` // ФИО
	Role    rights.Role       `json:"role,omitempty"`
	Schools []person.SchoolID `json:"schools,omitempty"`
	Revoked int               `json:"revoked,omitempty"`
	Code    string            `json:"code,omitempty"` // connects an app
	Expires *time.Time        `json:"expires,omitempty"`
	// Replaced says that a code which was handed out before and not used works no more.
	Replaced bool `json:"replaced,omitempty"`
	Works    bool `json:"works"` // at a school today: without it rights give nothing
}

func (r *granter) done(ctx context.Context, h store.Holder) (rightsDone, error) {
	d := rightsDone{Person: h.Person.String(), Login: string(h.Login), Name: person.JoinFIO(h.Last, h.First, h.Middle)}
	e, err := r.db.Directory().Entry(ctx, h.Person)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return d, err
	}
	d.Works = err == nil && grants.Works(e, person.DateOf(r.now.In(r.config.Policy.TimeZone.Location())))
	return d, nil
}

func (r *granter) grant(ctx context.Context, h store.Holder) error {
	g := rights.Granted{Person: h.Person, Grant: rights.Grant{Role: rights.Role(r.role), Schools: r.schools}, By: callerText(), At: r.now}
	if err := g.Check(); err != nil {
		return usageError("rights grant: %w", err)
	}
	known, err := r.db.Directory().Schools(ctx)
	if err != nil {
		return err
	}
	for _, id := range r.schools {
		if !slices.ContainsFunc(known, func(s person.School) bool { return s.ID == id }) {
			return usageError("rights grant: --school: "+r.say("школы %s нет; нужен её ID ЕКИС, с нулями впереди", "there is no school %s; write its identifier, with the zeros in front"), id)
		}
	}
	if err := r.db.Rights().Grant(ctx, g, byCaller(map[string]any{})); err != nil {
		return err
	}
	d, err := r.done(ctx, h)
	if err != nil {
		return err
	}
	d.Role, d.Schools = g.Role, g.Schools
	f, err := r.db.Factors().Find(ctx, h.Person)
	if err == nil && !f.Enrolled() {
		err = r.invite(ctx, &d, h.Person)
	}
	if err != nil {
		return err
	}
	err = r.tell(d, r.say("%s (%s): выдана роль %s", "%s (%s): granted the role %s"), d.Login, d.Name, strings.TrimSpace(r.role+" "+joinSchools(r.schools)))
	if err == nil && !d.Works {
		return errFindings
	}
	return err
}

func joinSchools(schools []person.SchoolID) string {
	words := make([]string, len(schools))
	for i, s := range schools {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// invite makes a code that connects an app.
func (r *granter) invite(ctx context.Context, d *rightsDone, id identity.PersonID) error {
	code, err := factor.NewInvitation(rand.Reader)
	if err != nil {
		return err
	}
	before, err := r.db.Factors().Find(ctx, id)
	if err != nil {
		return err
	}
	d.Replaced = before.Invited(r.now)
	expires := r.now.Add(r.config.Web.Admin.Invitation).UTC().Truncate(time.Second)
	d.Code, d.Expires = code, &expires
	return r.db.Factors().Invite(ctx, id, code, expires, r.now, byCaller(map[string]any{}))
}

func (r *granter) revoke(ctx context.Context, h store.Holder) error {
	n, err := r.db.Rights().Revoke(ctx, h.Person, rights.Role(r.role), r.now, byCaller(map[string]any{}))
	if err != nil {
		return err
	}
	d, err := r.done(ctx, h)
	if err != nil {
		return err
	}
	d.Revoked, d.Role, d.Works = n, rights.Role(r.role), true // nobody has to work for it
	if n == 0 {
		return errors.Join(r.tell(d, r.say("%s (%s): такой роли не было, ничего не изменено", "%s (%s): there was no such role, nothing was changed"), d.Login, d.Name), errFindings)
	}
	return r.tell(d, r.say("%s (%s): отозвано ролей: %d; следующий же щелчок на странице ничего не откроет", "%s (%s): roles revoked: %d; the very next click on a page opens nothing"), d.Login, d.Name, n)
}

// enrol is for somebody whose code ran out, or whose phone is lost.
func (r *granter) enrol(ctx context.Context, h store.Holder) error {
	d, err := r.done(ctx, h)
	if err == nil {
		err = r.invite(ctx, &d, h.Person)
	}
	if err != nil {
		return err
	}
	return r.tell(d, r.say("%s (%s): прежнее приложение с кодами и резервные коды больше не действуют", "%s (%s): the former app with codes and the recovery codes work no more"), d.Login, d.Name)
}

// tell says what was done.
func (r *granter) tell(d rightsDone, format string, args ...any) error {
	if r.json {
		return r.std.json(d)
	}
	fmt.Fprintf(r.std.out, format+"\n", args...)
	if d.Code != "" {
		fmt.Fprintf(r.std.out, r.say("Код подключения: %s\nДействует до %s, один раз. Передайте его лично или по телефону; больше он нигде не показан.\n",
			"Connection code: %s\nIt counts until %s, once. Hand it over in person or by telephone; it is shown nowhere else.\n"), d.Code, r.clock(*d.Expires))
	}
	if d.Replaced {
		fmt.Fprintln(r.std.err, r.say("Внимание: код подключения, выданный раньше, больше не действует: передайте этот", "Note: the connection code that was given out before works no more: hand this one over"))
	}
	if !d.Works {
		fmt.Fprintln(r.std.err, r.say("Внимание: сегодня этот человек ни в одной школе не работает (или вход закрыт), и права пока ничего не дают: schoolbridge explain покажет почему",
			"Note: today this person works at no school (or is shut out), and until then rights give nothing: schoolbridge explain shows why"))
	}
	return nil
}

// breakGlass makes the password of the break-glass account, which is shown once.
func (r *granter) breakGlass(ctx context.Context) error {
	password, err := makeBreakGlass(ctx, r.db, r.now)
	if err != nil {
		return err
	}
	if r.json {
		err = r.std.json(map[string]string{"login": glassLogin, "password": string(password)})
	} else {
		_, err = fmt.Fprintf(r.std.out, r.say("Имя: %s\nПароль: %s\n", "Name: %s\nPassword: %s\n"), glassLogin, string(password))
	}
	fmt.Fprintln(r.std.err, r.say("Прежний пароль больше не действует. Запечатайте этот в конверт: он открывает /console/break-glass, когда mos.ru не работает, и больше нигде не показан",
		"The former password works no more. Seal this one into an envelope: it opens /console/break-glass while mos.ru is down, and is shown nowhere else"))
	if !r.config.Web.Admin.BreakGlass {
		fmt.Fprintln(r.std.err, r.say("Внимание: в настройках аварийный вход выключен (web.administration.break_glass)", "Note: the configuration has the break-glass account switched off (web.administration.break_glass)"))
		return errors.Join(err, errFindings)
	}
	return err
}

// glassLogin is the name of the break-glass account.
const glassLogin = "admin"

// makeBreakGlass gives the break-glass account a new password.
func makeBreakGlass(ctx context.Context, db *store.DB, now time.Time) (identity.Password, error) {
	password, err := factor.NewPassword(rand.Reader)
	if err != nil {
		return "", err
	}
	return identity.Password(password), db.BreakGlass().Make(ctx, auth.HashArgon2(foldGlass(password)), callerText(), now, byCaller(map[string]any{}))
}

// foldGlass is how the password of the break-glass account is compared: it is
// typed from paper.
func foldGlass(password string) identity.Password {
	return identity.Password(factor.FoldPassword(password))
}

// rightsRow is a grant for a program.
type rightsRow struct {
	Person  string            `json:"person"`
	Login   string            `json:"login"`
	Name    string            `json:"name"`
	Role    rights.Role       `json:"role"`
	Schools []person.SchoolID `json:"schools"`
	At      time.Time         `json:"at"`
	By      string            `json:"by"`
	App     bool              `json:"app"` // an app with codes is connected
}

const rightsPage = 500

// list shows who was granted what; the reading is a line of the trail.
func (r *granter) list(ctx context.Context) error {
	p := &provisioner{std: r.std, config: r.config, db: r.db, now: time.Now}
	if err := p.audit(ctx, auditRights, map[string]any{"verb": "list"}); err != nil {
		return err
	}
	write, end, err := r.lister()
	if err != nil {
		return err
	}
	var after identity.PersonID
	for {
		some, err := r.db.Rights().All(ctx, after, rightsPage)
		if err != nil {
			return errors.Join(err, end())
		}
		for _, g := range some {
			row, err := r.row(ctx, g)
			if err == nil {
				err = write(row)
			}
			if err != nil {
				return errors.Join(err, end())
			}
		}
		if len(some) < rightsPage {
			break
		}
		after = some[len(some)-1].Person
	}
	if err := end(); err != nil {
		return err
	}
	for _, g := range r.config.Web.Admin.Groups { // whose members are not listed
		fmt.Fprintf(r.std.err, r.say("и члены группы %s: %s\n", "and the members of the group %s: %s\n"), g.Group, g.Role)
	}
	return nil
}

func (r *granter) row(ctx context.Context, g rights.Granted) (rightsRow, error) {
	h, err := r.db.Accounts().Get(ctx, g.Person)
	if err != nil {
		return rightsRow{}, err
	}
	f, err := r.db.Factors().Find(ctx, g.Person)
	return rightsRow{Person: g.Person.String(), Login: string(h.Login), Name: person.JoinFIO(h.Last, h.First, h.Middle), Role: g.Role,
		Schools: append([]person.SchoolID{}, g.Schools...), At: g.At.UTC(), By: g.By, App: f.Enrolled()}, err
}

// lister gives what writes a grant in the format that was asked for, and what ends
// the list.
func (r *granter) lister() (write func(rightsRow) error, end func() error, err error) {
	if r.format == "json" {
		all := &array{to: r.std.out}
		return func(row rightsRow) error { return all.item(row) }, all.end, nil
	}
	head := []string{"Логин", "ФИО", "Роль", "Школы", "Выдано", "Кем", "Приложение с кодами"}
	if r.lang == "en" {
		head = []string{"Login", "Name", "Role", "Schools", "Granted", "By", "App with codes"}
	}
	rows, err := table.New(r.std.out, r.format, r.say("Кто что администрирует", "Who administers what"), head)
	if err != nil {
		return nil, nil, err
	}
	return func(row rightsRow) error {
		app := r.say("нет", "no")
		if row.App {
			app = r.say("да", "yes")
		}
		return rows.Row(row.Login, row.Name, string(row.Role), joinSchools(row.Schools), r.clock(row.At), row.By, app)
	}, rows.Close, nil
}
