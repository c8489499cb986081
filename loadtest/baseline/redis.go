package baseline

import (
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis returns a client of REDIS_ADDR. With COALESCE=1 concurrent commands share
// pipelines, as the product's scripts do, here by the client library's own means.
func Redis() redis.Cmdable {
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR"), MaxRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second, DisableIdentity: true})
	if os.Getenv("COALESCE") != "1" {
		return client
	}
	coalesced, err := client.AutoPipeline()
	if err != nil {
		panic(err)
	}
	return coalesced
}
