package ad_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestHistories lets random cities live through years: people are hired, move,
// marry, leave and return, registries and mos.ru are wrong and corrected, curators
// decide and take back, administrators change accounts by hand, the worker is
// killed, answers get lost, and the clock jumps. The store, the rules, the worker,
// the target and a directory that knows nothing of the test do the work; after
// every step an oracle that knows who is who in truth holds them to what
// matching.md promises (history_check_test.go).
//
// A history follows from its seed. One that fails is made shorter until every
// step that is left is needed, and told with the flags that repeat it.
func TestHistories(t *testing.T) {
	for seed := *historyFirst; seed < *historyFirst+*historySeeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			all := only(history(seed, *historySteps), *historyKeep)
			found := live(t, seed, all)
			if found == nil {
				return
			}
			if *historyKeep == "" {
				all, found = shrink(t, seed, all, found)
			}
			t.Errorf("seed %d breaks a promise; again with -history.first %d -history.seeds 1 -history.steps %d -history.keep %s\n%s",
				seed, seed, *historySteps, numbers(all), found)
		})
	}
}

var (
	historyFirst = flag.Uint64("history.first", 1, "the seed of the first history of TestHistories")
	historySeeds = flag.Uint64("history.seeds", 4, "how many histories TestHistories lets pass")
	historySteps = flag.Int("history.steps", 60, "how much happens in each")
	historyKeep  = flag.String("history.keep", "", "the steps of a history that happen, as a failure tells them; \"\": all")
)

// event is one step of a history. It holds numbers, which choose among what there
// is when the step comes: so any steps of a history are a history.
type event struct {
	at      int // its place in the history of its seed
	name    string
	wait    time.Duration // before it
	who     uint32
	a, b, c uint32
}

// history is that of a seed.
func history(seed uint64, steps int) []event {
	r := rand.New(rand.NewPCG(seed, 2021))
	var names []string
	for _, s := range happenings {
		for range s.weight {
			names = append(names, s.name)
		}
	}
	list := make([]event, steps)
	for i := range list {
		e := event{at: i, name: names[r.IntN(len(names))], who: r.Uint32(), a: r.Uint32(), b: r.Uint32(), c: r.Uint32()}
		switch r.IntN(10) {
		case 0, 1, 2: // at the same moment
		case 3, 4, 5:
			e.wait = time.Duration(r.IntN(30*60)) * time.Minute
		default:
			e.wait = time.Duration(r.IntN(25*24*60)) * time.Minute
		}
		list[i] = e
	}
	return list
}

// only leaves the steps that a flag names.
func only(all []event, keep string) []event {
	if keep == "" {
		return all
	}
	var list []event
	for text := range strings.SplitSeq(keep, ",") {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(all) {
			list = append(list, all[n])
		}
	}
	return list
}

func numbers(list []event) string {
	var texts []string
	for _, e := range list {
		texts = append(texts, strconv.Itoa(e.at))
	}
	return strings.Join(texts, ",")
}

// broken is a promise that was not kept.
type broken struct {
	promise string   // the same for the same promise, whoever it is about
	story   []string // what happened until then
	what    []string
}

func (b *broken) String() string {
	return strings.Join(b.story, "\n") + "\n" + strings.Join(b.what, "\n")
}

// live lets the events happen in a new city; nil: all promises were kept.
func live(t *testing.T, seed uint64, events []event) (found *broken) {
	t.Run("life", func(t *testing.T) { found = newCity(t, seed).live(events) })
	return found
}

// shrinkRuns bounds the tries of shrink.
const shrinkRuns = 150

// shrink leaves out what is not needed to break the same promise.
func shrink(t *testing.T, seed uint64, all []event, found *broken) ([]event, *broken) {
	all = all[:min(len(found.story), len(all))]
	runs := 0
	for size := max(len(all)/2, 1); size > 0; size /= 2 {
		for from := 0; from < len(all) && runs < shrinkRuns; {
			some := slices.Delete(slices.Clone(all), from, min(from+size, len(all)))
			runs++
			if less := live(t, seed, some); less != nil && less.promise == found.promise {
				all, found = some[:min(len(less.story), len(some))], less
				continue
			}
			from += size
		}
	}
	return all, found
}
