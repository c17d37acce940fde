package web

// What tests of the frame know of its inside.
const (
	MaxBody   = maxBody
	PaceBurst = paceBurst
	PaceEvery = paceEvery
)

// Own is the room that the frame itself brings.
func Own() Room { return own }
