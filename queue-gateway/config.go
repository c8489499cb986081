package queuegateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// Config is the settings of the queue gateway.
type Config struct {
	Env           config.Env    `env:"ENV" envDefault:"production"`                       // development, test or production
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`                       // debug, info, warn or error
	Addr          string        `env:"ADDR" envDefault:"127.0.0.1:8080"`                  // where fans connect
	AdminAddr     string        `env:"ADMIN_ADDR" envDefault:"127.0.0.1:8082"`            // health and metrics; keep it private
	PProf         bool          `env:"PPROF" envDefault:"false"`                          // profiles on the admin address
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"15s" min:"0s" max:"1h"` // for requests that are being answered; more than the longest Prefer: wait
	DrainDelay    time.Duration `env:"DRAIN_DELAY" envDefault:"0s" min:"0s" max:"1h"`     // not ready, but serving; more than the load balancer takes to notice
	// TrustedProxies are the addresses or networks whose X-Forwarded-* headers count.
	TrustedProxies []string `env:"TRUSTED_PROXIES" envSeparator:","`

	Redis   redisx.Settings
	Tracing tracing.Settings

	PublicURL       string        `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080"`         // what a fan's browser shows
	BookingAPIURL   string        `env:"BOOKING_API_URL" envDefault:"http://127.0.0.1:8081"`    // everything else is proxied there
	UpstreamTimeout time.Duration `env:"UPSTREAM_TIMEOUT" envDefault:"20s" min:"12s" max:"10m"` // more than the longest Prefer: wait
	UpstreamSlow    time.Duration `env:"UPSTREAM_SLOW" envDefault:"5s" min:"1ms" max:"10m"`     // slower answers count as failures

	// PassKey is the Ed25519 seed that signs entry passes, in base64.
	PassKey config.Secret `env:"PASS_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtcGFzcy1rZXktMDE="`
	// PlaceKey is the secret behind place tokens and ids, in base64, 32 bytes or more.
	PlaceKey config.Secret `env:"PLACE_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtcGxhY2Uta2V5LTE="`

	MaxStreams int `env:"MAX_STREAMS" envDefault:"20000" min:"0" max:"10000000"` // open at once in this process; more fans poll
	// MaxStreamsPerNetwork is how many of them one network may have, an IPv4 address or an IPv6 /64; more fans poll. Carriers put many fans behind one IPv4 address.
	MaxStreamsPerNetwork int `env:"MAX_STREAMS_PER_NETWORK" envDefault:"4000" min:"1" max:"10000000"`
	JoinsPerMinute       int `env:"JOINS_PER_MINUTE" envDefault:"6000" min:"1" max:"1000000000"` // from one address; carriers put many fans behind one
	// BrowsersPerMinute is how many browsers not seen before may join from one network,
	// an IPv4 address or an IPv6 /64: in lines with identity "browser" each is a place.
	// Less makes places dearer for one machine; more serves the many fans whom a carrier
	// puts behind one IPv4 address.
	BrowsersPerMinute int `env:"BROWSERS_PER_MINUTE" envDefault:"600" min:"1" max:"1000000000"`
}

// Validate returns every broken rule, joined.
func (c *Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Env == config.Development || c.Env == config.Test || c.Env == config.Production, "ENV: %q is not development, test or production", c.Env)
	check(isBaseURL(c.PublicURL), "PUBLIC_URL: %q is not a URL like https://tickets.example.com", c.PublicURL)
	check(isBaseURL(c.BookingAPIURL), "BOOKING_API_URL: %q is not a URL like http://10.0.0.7:8081", c.BookingAPIURL)
	check(c.UpstreamTimeout > 12*time.Second, "UPSTREAM_TIMEOUT: must be more than 12s, or confirmations that wait are cut off")
	check(decodedLen(c.PassKey) == 32, "PASS_KEY: must be 32 bytes in base64")
	check(decodedLen(c.PlaceKey) >= 32, "PLACE_KEY: must be at least 32 bytes in base64")
	faults = append(faults, c.Tracing.Validate())
	if _, err := httpd.ParseProxies(c.TrustedProxies); err != nil {
		faults = append(faults, fmt.Errorf("TRUSTED_PROXIES: %w", err))
	}
	faults = append(faults, c.Env.Check(config.Own{
		Keys: map[string]string{"PASS_KEY": c.PassKey.Reveal(), "PLACE_KEY": c.PlaceKey.Reveal()},
	}))
	return errors.Join(faults...)
}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func decodedLen(s config.Secret) int {
	raw, err := base64.StdEncoding.DecodeString(s.Reveal())
	if err != nil {
		return 0
	}
	return len(raw)
}
