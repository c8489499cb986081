//go:build faults

package faults

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestTheNetworkMisbehaves spoils the road between the services and one backend in
// every way, in an order that the seed decides, while a hall is sold.
func TestTheNetworkMisbehaves(t *testing.T) {
	for i, part := range []string{"redis", "postgres", "rabbitmq", "provider"} {
		t.Run(part, func(t *testing.T) {
			troubles := []trouble{
				{"latency", map[string]int{"latency": 150, "jitter": 100}},
				{"bandwidth", map[string]int{"rate": 40}}, // KB/s, of each connection
				{"reset_peer", map[string]int{"timeout": 300}},
				{"timeout", map[string]int{"timeout": 0}}, // nothing passes, and nobody is told
			}
			random := rand.New(rand.NewPCG(site.seed, uint64(i)))
			random.Shuffle(len(troubles), func(a, b int) { troubles[a], troubles[b] = troubles[b], troubles[a] })
			n := openNight(t, usual)
			n.whenSold(0.15)
			road := site.roads[part]
			for _, with := range troubles {
				t.Log(with.kind)
				road.spoil(t, with)
				time.Sleep(4 * time.Second)
				road.mend()
			}
			n.nowHealthy()
			n.finish()
		})
	}
}
