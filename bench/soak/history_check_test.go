package soak

import (
	"testing"
	"time"
)

// TestHistories: what no daemon may do is found, and what it may is not.
func TestHistories(t *testing.T) {
	begin := time.Now().Truncate(time.Second)
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	did := func(d deed, from, to float64) event {
		return event{deed: d, begun: at(from), ended: at(to), done: true}
	}
	joined := func(from, to float64, account string) event {
		e := did(activate, from, to)
		e.account = account
		return e
	}
	changed := func(from, to float64, n int) event {
		e := did(change, from, to)
		e.password = n
		return e
	}
	silently := func(from, to float64, n int) event {
		e := changed(from, to, n)
		e.silent = true
		return e
	}
	came := func(from float64, password int, h how) event {
		e := did(signIn, from, from+1)
		e.password, e.how = password, h
		return e
	}
	elsewhere := func(e event) event { e.at = 1; return e }
	another := func(e event) event { e.who = 1; return e }
	unknown := func(e event) event { e.done = false; return e }
	in := joined(0, 1, "a")
	one := map[int][]string{0: {"a"}}
	type faults []window
	for name, c := range map[string]struct {
		events   []event
		faults   faults
		accounts map[int][]string
		why      string
	}{
		"the right one":                                 {[]event{in, came(2, 0, pap)}, nil, one, ""},
		"amid the activation":                           {[]event{joined(0, 9, "a"), came(2, 0, pap)}, nil, one, ""},
		"an activation that nobody confirmed":           {[]event{unknown(in), came(2, 0, pap)}, nil, one, ""},
		"before any activation":                         {[]event{joined(9, 10, "a"), came(2, 0, pap)}, nil, one, "without an activation"},
		"another's activation":                          {[]event{another(in), came(2, 0, pap)}, nil, map[int][]string{1: {"a"}}, "without an activation"},
		"never a password":                              {[]event{in, came(2, -1, pap)}, nil, one, "with what was never a password"},
		"lost":                                          {[]event{in}, nil, map[int][]string{}, "a confirmed account is lost"},
		"another account than was told":                 {[]event{in}, nil, map[int][]string{0: {"b"}}, "a confirmed account is lost"},
		"not confirmed, not there":                      {[]event{unknown(in)}, nil, map[int][]string{}, ""},
		"two accounts":                                  {[]event{in}, nil, map[int][]string{0: {"a", "b"}}, "one person has several accounts"},
		"two people, one account":                       {[]event{in, another(in)}, nil, map[int][]string{0: {"a"}, 1: {"a"}}, "two people were told of one account"},
		"the same activation twice":                     {[]event{in, joined(2, 3, "a")}, nil, one, ""},
		"the store was not looked at":                   {[]event{in}, nil, nil, ""},
		"changed, within the promise":                   {[]event{in, changed(10, 12, 1), came(17, 0, pap)}, nil, one, ""},
		"changed, after it":                             {[]event{in, changed(10, 12, 1), came(17.1, 0, pap)}, nil, one, "with a password that mos.ru has said is changed"},
		"changed, after it, by the hash":                {[]event{in, changed(10, 12, 1), came(18, 0, peap)}, nil, one, "with a password that mos.ru has said is changed"},
		"changed, after it, the new one":                {[]event{in, changed(10, 12, 1), came(18, 1, peap)}, nil, one, ""},
		"changed, and nobody took the notice":           {[]event{in, unknown(changed(10, 12, 1)), came(60, 0, pap)}, nil, one, ""},
		"changed twice, the first one":                  {[]event{in, silently(5, 6, 1), changed(10, 12, 2), came(18, 0, peap)}, nil, one, "with a password that mos.ru has said is changed"},
		"changed silently, while a confirmation may be": {[]event{in, silently(10, 12, 1), came(132, 0, ttls)}, nil, one, ""},
		"changed silently, after it":                    {[]event{in, silently(10, 12, 1), came(133, 0, ttls)}, nil, one, mosruRefuses},
		"changed silently, after it, by the hash":       {[]event{in, silently(10, 12, 1), came(133, 0, mschapv2)}, nil, one, ""},
		"changed silently, mos.ru is gone":              {[]event{in, silently(10, 12, 1), came(133, 0, ttls)}, faults{{mosruGone, everywhere, at(120), at(140)}}, one, ""},
		"an old hash after a new one":                   {[]event{in, silently(10, 12, 1), came(20, 1, peap), came(22, 0, mschapv2)}, nil, one, "by an old hash after a new one"},
		"an old hash beside a new one":                  {[]event{in, silently(10, 12, 1), came(20, 1, peap), came(20.5, 0, mschapv2)}, nil, one, ""},
		"a clear one after a new hash":                  {[]event{in, silently(10, 12, 1), came(20, 1, peap), came(22, 0, pap)}, nil, one, ""},
		"suspended, within the promise":                 {[]event{in, did(shut, 10, 12), came(17, 0, pap)}, nil, one, ""},
		"suspended":                                     {[]event{in, did(shut, 10, 12), came(18, 0, pap)}, nil, one, "after the end of access"},
		"suspended, and nobody knows":                   {[]event{in, unknown(did(shut, 10, 12)), came(60, 0, pap)}, nil, one, ""},
		"suspended, and opened again meanwhile":         {[]event{in, did(shut, 10, 12), did(reopen, 18.5, 30), came(18, 0, pap)}, nil, one, ""},
		"suspended, and opened again later":             {[]event{in, did(shut, 10, 12), did(reopen, 30, 31), came(18, 0, pap)}, nil, one, "after the end of access"},
		"opened again before the next time":             {[]event{in, did(shut, 10, 12), did(reopen, 14, 15), did(shut, 20, 21), came(30, 0, pap)}, nil, one, "after the end of access"},
		"the store was closed":                          {[]event{in, did(shut, 10, 12), came(25, 0, pap)}, faults{{storeClosed, everywhere, at(13), at(21)}}, one, ""},
		"the store was closed, after that":              {[]event{in, did(shut, 10, 12), came(27, 0, pap)}, faults{{storeClosed, everywhere, at(13), at(21)}}, one, "after the end of access"},
		"the store was closed before":                   {[]event{in, did(shut, 10, 12), came(18, 0, pap)}, faults{{storeClosed, everywhere, at(5), at(11)}}, one, "after the end of access"},
		"the store was closed too late":                 {[]event{in, did(shut, 10, 12), came(20, 0, pap)}, faults{{storeClosed, everywhere, at(17.5), at(30)}}, one, "after the end of access"},
		"the store is closed":                           {[]event{in, did(shut, 10, 12), came(60, 0, pap)}, faults{{storeClosed, everywhere, at(13), time.Time{}}}, one, ""},
		"a second time closed before it was felt":       {[]event{in, did(shut, 10, 12), came(39, 0, pap)}, faults{{storeClosed, everywhere, at(13), at(21)}, {storeClosed, everywhere, at(24), at(35)}}, one, ""},
		"longer than the grace":                         {[]event{in, did(shut, 10, 12), came(3700, 0, pap)}, faults{{storeClosed, everywhere, at(13), time.Time{}}}, one, "after the end of access"},
		"busy is not closed":                            {[]event{in, did(shut, 10, 12), came(18, 0, pap)}, faults{{storeBusy, everywhere, at(11), at(30)}}, one, "after the end of access"},
		"one that was asleep":                           {[]event{in, did(shut, 10, 12), elsewhere(came(30, 0, pap))}, faults{{daemonAsleep, 1, at(11), at(28)}}, one, ""},
		"one that has slept":                            {[]event{in, did(shut, 10, 12), elsewhere(came(34, 0, pap))}, faults{{daemonAsleep, 1, at(11), at(28)}}, one, "after the end of access"},
		"while the other one sleeps":                    {[]event{in, did(shut, 10, 12), came(18, 0, pap)}, faults{{daemonAsleep, 1, at(11), at(28)}}, one, "after the end of access"},
		"one that is cut off":                           {[]event{in, changed(10, 12, 1), elsewhere(came(30, 0, pap))}, faults{{daemonCutOff, 1, at(11), at(28)}}, one, ""},
		"while the other one is cut off":                {[]event{in, changed(10, 12, 1), came(30, 0, pap)}, faults{{daemonCutOff, 1, at(11), at(28)}}, one, "with a password that mos.ru has said is changed"},
	} {
		h := &history{events: c.events}
		for _, w := range c.faults {
			h.windows = append(h.windows, &w)
		}
		found := h.check(bounds{promise: 5 * time.Second, grace: time.Hour, confirmation: 2 * time.Minute}, c.accounts)
		switch {
		case c.why == "" && len(found) > 0:
			t.Errorf("%s: %q", name, found[0].why)
		case c.why != "" && (len(found) != 1 || found[0].why != c.why):
			t.Errorf("%s: %+v, want %q", name, found, c.why)
		}
	}
}
