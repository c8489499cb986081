package bookingredis

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// What place.lua answers first.
const (
	codePlaced   = 0
	codeReplayed = 1
	codeTaken    = 2
	codeLimit    = 3
	codeReused   = 4
	codeOver     = 5
)

// claimMark stands where a hold's nonce would be; no nonce has a "=".
const claimMark = "=claim"

// The values of k in an entry of the stream.
const kindClaim = "claim"

var (
	//go:embed place.lua
	placeSource string
	//go:embed release.lua
	releaseSource string
	//go:embed undo.lua
	undoSource string
	//go:embed endsession.lua
	endSessionSource string
	//go:embed publish.lua
	publishSource string
)

// scripts are loaded into Redis when first used.
type scripts struct{ place, release, undo, endSession, publish *redis.Script }

func newScripts() scripts {
	return scripts{
		place:      redis.NewScript(placeSource),
		release:    redis.NewScript(releaseSource),
		undo:       redis.NewScript(undoSource),
		endSession: redis.NewScript(endSessionSource),
		publish:    redis.NewScript(publishSource),
	}
}
