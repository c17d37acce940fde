package auth

import (
	"fmt"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
)

// onlooker notes what it hears.
type onlooker struct{ heard []string }

func (o *onlooker) Refused(channel identity.Channel, src identity.Source, v identity.Verdict) {
	o.heard = append(o.heard, fmt.Sprint(channel, " ", src.NAS, " ", v.Reason, " ", v.Person[0]))
}

// Whatever is not accepted is told once, with whose name it was; what is accepted is
// not, and neither is one of many that are alike withheld, as it is from the trail.
func TestObserverHearsRefusals(t *testing.T) {
	o := &onlooker{}
	w := newWorld(t, func(opt *Options) { opt.Observer = o })
	w.sign("orlovami", right, "02:00:5e:10:00:01")
	w.sign("orlovami", "wrong", "02:00:5e:10:00:01")
	w.sign("kimv", right, "02:00:5e:10:00:02")
	for range 3 {
		w.Refused(Refusal{Name: "belovas", Channel: identity.ChannelWiFi, Source: from("02:00:5e:10:00:03"), Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}})
	}
	want := []string{"wifi ap WRONG_PASSWORD 1", "wifi ap EMPLOYMENT_ENDED 3", "wifi ap SERVER_NOT_TRUSTED 2", "wifi ap SERVER_NOT_TRUSTED 2", "wifi ap SERVER_NOT_TRUSTED 2"}
	if !slices.Equal(o.heard, want) {
		t.Errorf("%q", o.heard)
	}
}
