package ad

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
)

// crowd is a directory with many people's accounts, and their rows in the store.
type crowd struct {
	*world
	rows map[string]*provision.Row // by login
	all  []string
}

// gather makes accounts as they should be.
func gather(t *testing.T, logins ...string) *crowd {
	c := &crowd{newWorld(t, plainLayout()), map[string]*provision.Row{}, logins}
	for i, login := range logins {
		c.rows[login] = &provision.Row{Revision: 1, Name: login}
		for range 3 {
			job := c.jobOf(i)
			p, err := c.target.Bring(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			row := c.rows[login]
			row.Object, row.Stamp, row.Observed = p.Object, p.Stamp, p.Observed
		}
	}
	return c
}

func (c *crowd) jobOf(i int) provision.Job {
	e := *entry(teaches("49"))
	e.Person, e.Login = identity.PersonID{0xC0, byte(i)}, identity.Login(c.all[i])
	return provision.Job{Person: e.Person, Entry: &e, Schools: schools, Row: *c.rows[c.all[i]], Now: noon}
}

func (c *crowd) jobs() []provision.Job {
	var list []provision.Job
	for i := range c.all {
		list = append(list, c.jobOf(i))
	}
	return list
}

// alike: what is planned of all together is what is planned of each alone.
func (c *crowd) alike(what string) {
	c.t.Helper()
	together, err := c.target.PlanAll(c.t.Context(), c.jobs())
	if err != nil {
		c.t.Fatal(err)
	}
	for i, job := range c.jobs() {
		alone, err := c.target.Plan(c.t.Context(), job)
		if err != nil || !reflect.DeepEqual(alone, together[i]) {
			c.t.Errorf("%s: %s alone %+v, together %+v, %v", what, c.all[i], alone, together[i], err)
		}
	}
}

// idle counts those of whom it is certain that nothing has to be written.
func (c *crowd) idle() (n int) {
	c.t.Helper()
	passes, err := c.target.Idle(c.t.Context(), c.jobs())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range passes {
		if p != nil {
			n++
		}
	}
	return n
}

// TestTogether: many accounts are read by one search, and whatever has happened to
// one of them is told of that one alone, as if it had been asked for by itself.
func TestTogether(t *testing.T) {
	logins := strings.Fields("belovas evann kimv orlovami smirnovao zotov")
	for what, change := range map[string]struct {
		do   func(*crowd)
		idle int
	}{
		"as they should be": {func(*crowd) {}, 6},
		"one is gone": {func(c *crowd) {
			c.account("kimv").attrs["samaccountname"] = []string{"left"}
			c.rows["kimv"].Object = nil
		}, 5},
		"another's name": {func(c *crowd) {
			c.rows["kimv"].Object, c.rows["kimv"].Name = nil, "smirnovao"
		}, 5},
		"a rival": {func(c *crowd) {
			rival := c.ad.put("CN=x,"+old, user("x", "512"))
			rival.attrs["userprincipalname"] = []string{"ZOTOV@uao.obr.mos.ru"}
		}, 5},
		"renamed there, where another account has the old name": {func(c *crowd) {
			c.account("evann").attrs["samaccountname"] = []string{"evannvn"}
			c.ad.put("CN=evann,"+old, user("evann", "512"))
		}, 5},
		"a name that may be another's, by how it is compared": {func(c *crowd) {
			c.account("evann").attrs["samaccountname"] = []string{"zötov"}
		}, 4},
		"disabled, marked as another's, stamped by another worker": {func(c *crowd) {
			c.account("belovas").attrs["useraccountcontrol"] = []string{"514"}
			c.account("kimv").attrs["employeenumber"] = []string{"somebody"}
			c.account("zotov").attrs["admindescription"] = []string{stampPrefix + "other"}
		}, 3},
	} {
		c := gather(t, logins...)
		change.do(c)
		c.alike(what)
		if n := c.idle(); n != change.idle {
			t.Errorf("%s: %d are certain, want %d", what, n, change.idle)
		}
	}
	c := gather(t, logins...)
	before := c.ad.calls
	if _, err := c.target.PlanAll(t.Context(), c.jobs()); err != nil || c.ad.calls != before+1 {
		t.Errorf("%d requests, %v", c.ad.calls-before, err)
	}
}

// generous is a directory that gives more than was asked for, as one that compares
// names in a way of its own.
type generous struct {
	Client
	more func(ldapclient.Query) []ldapclient.Entry
	err  error
}

func (g generous) Search(ctx context.Context, q ldapclient.Query) ([]ldapclient.Entry, error) {
	found, err := g.Client.Search(ctx, q)
	if strings.Count(q.Filter, "(") < 5 { // of one account
		return found, err
	}
	return append(found, g.more(q)...), errors.Join(err, g.err)
}

// TestTogetherUncertain: where it cannot be told by what an object was found, or the
// search fails for what it finds, each is asked for by itself; where the controller
// is away, that is said.
func TestTogetherUncertain(t *testing.T) {
	c := gather(t, "belovas", "evann")
	g := generous{Client: c.ad, more: func(q ldapclient.Query) []ldapclient.Entry {
		return []ldapclient.Entry{c.ad.entry(c.ad.put("CN=x,"+old, user("x", "512")), q.Attributes)}
	}}
	c.target.client = g
	c.alike("an object that nobody asked for")
	if n := c.idle(); n != 0 {
		t.Errorf("%d are certain", n)
	}
	g.err = result(4, 0)
	c.target.client = g
	c.alike("too many")
	if n := c.idle(); n != 0 {
		t.Errorf("%d are certain", n)
	}
	g.err = errLost
	c.target.client = g
	if plans, err := c.target.PlanAll(t.Context(), c.jobs()); !errors.Is(err, identity.ErrUnreachable) || plans != nil {
		t.Errorf("%+v, %v", plans, err)
	}
	if passes, err := c.target.Idle(t.Context(), c.jobs()); !errors.Is(err, identity.ErrUnreachable) || len(passes) != 2 || passes[0] != nil {
		t.Errorf("%+v, %v", passes, err)
	}
}
