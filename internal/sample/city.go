package sample

import (
	"fmt"
	"iter"
	"strings"

	"schoolbridge/internal/person"
)

// Citizen is somebody at a school of an invented city.
type Citizen struct {
	Number              int // pupils first, from 0 on
	Staff               bool
	Last, First, Middle string
	Birth               person.Date
	SNILS, Phone, Login string
	School              int
	Class               string // of a pupil
}

// City invents the pupils and staff of a city, one after another, the same for the
// same seed for ever. Names are as unevenly frequent as in a real one: of a
// million, a quarter shares the whole ФИО with somebody. СНИЛС, telephones and
// logins are each one's own.
func City(seed uint64, pupils, staff, schools int) iter.Seq[Citizen] {
	return func(yield func(Citizen) bool) {
		n := &numbers{seed}
		last := frequent(citySurnames, 200)
		first, father := frequent(len(men), 4), frequent(len(fathers), 4)
		for i := range pupils + staff {
			c := Citizen{Number: i, Staff: i >= pupils, SNILS: withChecksum(100_000_000 + i), Phone: fmt.Sprintf("+7000%07d", i+1), School: n.below(schools)}
			woman := n.below(2) == 0
			stem := surnameStem(n.of(last))
			c.Last, c.First, c.Middle = stem+"ов", men[n.of(first)], patronymic(fathers[n.of(father)], woman)
			if woman {
				c.Last, c.First = stem+"ова", women[n.of(first)]
			}
			age := 22 + n.below(45)
			if !c.Staff {
				age = 7 + n.below(11)
				c.Class = fmt.Sprintf("%d%s", age-6, pick(n, []string{"А", "Б", "В", "Г"}))
			}
			c.Birth, _ = person.NewDate(2026-age, 1+n.below(12), 1+n.below(28))
			login := latin.Replace(strings.ToLower(c.Last + initial(c.First) + initial(c.Middle)))
			c.Login = fmt.Sprintf("%s-%d", login[:min(len(login), 12)], i)
			if !yield(c) {
				return
			}
		}
	}
}

// citySurnames is how many surnames a city has.
const citySurnames = 60_000

// surnameStem puts a surname together of syllables.
func surnameStem(n int) string {
	starts := strings.Fields("Ба Ве Го Ду Жи За Ки Ло Му На Пе Ро Са Ти Фо Ха Че Шу Ща Эм")
	middles := strings.Fields("бар вел гор дар жен зар кал лап мир нос пар рим сар тов фил хар чен шал лик рон")
	s := starts[n%20] + middles[n/20%20]
	for n /= 400; n > 0; n /= 20 {
		s += middles[n%20]
	}
	return s
}

// frequent weighs n things so that the first are the most frequent: the k-th has
// the weight 1/(k+flat). It gives the sums of the weights, as whole numbers, so
// that the same seed draws the same on every machine.
func frequent(n, flat int) []uint64 {
	sums := make([]uint64, n)
	sum := uint64(0)
	for k := range sums {
		sum += 1_000_000_000 / uint64(k+flat)
		sums[k] = sum
	}
	return sums
}

// of draws by weights.
func (n *numbers) of(sums []uint64) int {
	at := n.next() % sums[len(sums)-1]
	low, high := 0, len(sums)-1
	for low < high {
		if mid := (low + high) / 2; sums[mid] > at {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
