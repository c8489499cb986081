//go:build faults

package faults

import (
	"testing"
	"time"
)

// TestWorkersAreKilledAndRestarted kills first one worker, then the other, which by then
// has the work that the first left behind.
func TestWorkersAreKilledAndRestarted(t *testing.T) {
	n := openNight(t, usual)
	for _, at := range []struct {
		share  float64
		worker string
	}{{0.15, "worker-1"}, {0.35, "worker-2"}} {
		n.whenSold(at.share)
		site.crash(t, at.worker)
		time.Sleep(time.Second) // what it had in hand lies around
		site.start(t, at.worker)
	}
	n.nowHealthy()
	n.finish()
}

func TestTheBrokerStopsForTenSeconds(t *testing.T) {
	n := openNight(t, usual)
	n.whenSold(0.25)
	site.stop(t, "rabbitmq")
	time.Sleep(10 * time.Second)
	site.start(t, "rabbitmq")
	n.nowHealthy()
	n.finish()
}

func TestOneOfTwoGatewaysIsKilled(t *testing.T) {
	n := openNight(t, usual)
	n.whenSold(0.25)
	site.crash(t, "queue-gateway-1")
	n.nowHealthy() // the other one goes on; nobody comes to help
	n.finish()
	site.start(t, "queue-gateway-1")
	site.awaitInBalance(t, "gateway-1")
}

func TestOneOfTwoAPIsIsKilled(t *testing.T) {
	n := openNight(t, usual)
	n.whenSold(0.25)
	site.crash(t, "booking-api-2")
	n.nowHealthy()
	n.finish()
	site.start(t, "booking-api-2")
	site.awaitInBalance(t, "booking-api-2")
}

func TestRedisIsKilledAndRestarted(t *testing.T) {
	n := openNight(t, usual)
	n.whenSold(0.25)
	site.crash(t, "redis")
	time.Sleep(3 * time.Second)
	site.start(t, "redis")
	n.nowHealthy()
	n.finish()
}

func TestPostgresIsRestarted(t *testing.T) {
	n := openNight(t, usual)
	n.whenSold(0.25)
	site.stop(t, "postgres")
	time.Sleep(3 * time.Second)
	site.start(t, "postgres")
	n.db = site.database(t)
	n.nowHealthy()
	n.finish()
}
