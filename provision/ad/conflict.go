package ad

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
)

// catchUp is for how long another domain controller than the one that showed an
// account last may lack what was written there. Replication takes minutes, between
// sites hours; what a controller took into its grave is lost after that.
const catchUp = 24 * time.Hour

// errBehind says that the domain controller may not know yet what was written to
// another one.
var errBehind = errors.New("the domain controller is another one than before and lacks what was written there")

// known reads the object that the row knows: ErrNotFound where there is none, and
// errBehind where that, or its stamp, may be so on this controller alone. What is
// enabled and has to be off does not wait for that: disabling makes no second account.
func (r *run) known(ctx context.Context) (object, error) {
	o, err := r.read(ctx, ldapclient.GUID(r.job.Row.Object))
	gone := errors.Is(err, ldapclient.ErrNotFound) && r.job.Row.Object != nil
	off := !r.w.Enabled && o.enabled() && marked(o, r.job.Person)
	if r.elsewhere() && (gone || err == nil && kept(o.Stamp) != r.job.Row.Stamp && !off) {
		return o, errBehind
	}
	return o, err
}

// elsewhere says that another controller showed the account last, not long ago.
func (r *run) elsewhere() bool {
	seen, now := r.job.Row.Observed, r.server()
	return seen.Server != "" && now != "" && !strings.EqualFold(seen.Server, now) && r.job.Now.Sub(seen.At) < catchUp
}

// behind is the pass over such an account: all that was known stays, and when it
// was seen too, from which catchUp counts.
func (r *run) behind() provision.Pass {
	pass := provision.Pass{Object: r.job.Row.Object, Stamp: r.job.Row.Stamp, Observed: r.job.Row.Observed}
	pass.Observed.Ready, pass.Observed.Problems = false, []match.Problem{{Code: match.ADServerBehind}}
	return pass
}

// dispossessed says that the directory took the account's name, because another
// controller had given it to another object too.
func (o object) dispossessed() bool { return duplicates.Dispossessed(o.Name) }

// nameOf is the name that is the account's by right.
func (r *run) nameOf(o object) string {
	if o.dispossessed() {
		return r.job.Row.Name
	}
	return o.Name
}

// meetRivals counts the objects that have the account's names beside it, in the
// whole domain: one controller gives a name once, two at the same moment give it
// twice.
func (r *run) meetRivals(ctx context.Context, o *object) error {
	name := r.nameOf(*o)
	filter := "(sAMAccountName=" + ldapclient.EscapeFilter(name) + ")"
	if o.UPN != "" {
		filter = "(|" + filter + "(userPrincipalName=" + ldapclient.EscapeFilter(o.UPN) + "))"
	}
	found, err := r.search(ctx, filter)
	if err != nil {
		return err
	}
	if ldapclient.Mangled(o.DN) { // who has the place may have another name
		other, err := r.read(ctx, "CN="+ldapclient.EscapeDN(name)+","+ldapclient.Parent(o.DN))
		if err == nil {
			found = append(found, other)
		} else if !errors.Is(err, ldapclient.ErrNotFound) {
			return err
		}
	}
	found = slices.DeleteFunc(found, func(f object) bool { return f.ID == o.ID })
	if o.Rivals = len(found); o.Rivals > 0 {
		r.say(match.Problem{Code: match.ADConflict, Arg: name})
	}
	return nil
}
