// Package redisx opens Redis, as a single server, through Sentinel or as a Cluster.
package redisx

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Settings choose the kind of Redis: more than one address means Cluster, a
// master name means Sentinel.
type Settings struct {
	Addrs      []string `env:"REDIS_ADDRS" envDefault:"127.0.0.1:8079" envSeparator:","` // host:port; several mean Cluster, or the Sentinels
	Password   string   `env:"REDIS_PASSWORD,unset"`                                     // empty: no authentication
	MasterName string   `env:"REDIS_SENTINEL_MASTER"`                                    // the master's name; empty: no Sentinel
	Prefix     string   `env:"REDIS_PREFIX"`                                             // before every key; lets several systems share one Redis
}

// Open returns a client; it connects when first used.
func Open(s Settings) (redis.UniversalClient, error) {
	if len(s.Addrs) == 0 {
		return nil, fmt.Errorf("REDIS_ADDRS: give at least one host:port")
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:        s.Addrs,
		Password:     s.Password,
		MasterName:   s.MasterName,
		DialTimeout:  time.Second,
		ReadTimeout:  2 * time.Second,
		WriteTimeout: 2 * time.Second,
		PoolTimeout:  3 * time.Second,
		MaxRetries:   1,
		// A caller's deadline ends the wait for an answer, not just for a connection.
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
	}), nil
}
