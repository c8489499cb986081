package bookingapi

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

// Config is the settings of the booking API.
type Config struct {
	Env           config.Env    `env:"ENV" envDefault:"production"`                       // development, test or production
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`                       // debug, info, warn or error
	Addr          string        `env:"ADDR" envDefault:"127.0.0.1:8081"`                  // where the gateway connects
	AdminAddr     string        `env:"ADMIN_ADDR" envDefault:"127.0.0.1:8083"`            // health and metrics; keep it private
	PProf         bool          `env:"PPROF" envDefault:"false"`                          // profiles on the admin address
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"15s" min:"0s" max:"1h"` // for requests that are being answered; more than the longest Prefer: wait
	DrainDelay    time.Duration `env:"DRAIN_DELAY" envDefault:"0s" min:"0s" max:"1h"`     // not ready, but serving; more than the load balancer takes to notice
	// TrustedProxies are the addresses or networks whose X-Forwarded-* headers count: the gateways.
	TrustedProxies []string `env:"TRUSTED_PROXIES" envDefault:"127.0.0.1,::1" envSeparator:","`

	PostgresURL   config.Secret `env:"POSTGRES_URL" envDefault:"postgres://fairgate:fairgate@127.0.0.1:8032/fairgate?sslmode=disable"` // the truth
	PostgresConns int32         `env:"POSTGRES_CONNS" envDefault:"12" min:"1" max:"10000"`                                             // connections of this process
	Redis         redisx.Settings
	Tracing       tracing.Settings

	PublicURL    string `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080"`                           // what a fan's browser shows
	QueueJWKSURL string `env:"QUEUE_JWKS_URL" envDefault:"http://127.0.0.1:8080/.well-known/jwks.json"` // the gateway's keys of entry passes

	// AccessTokenKey is the Ed25519 seed that signs access tokens, in base64.
	AccessTokenKey config.Secret `env:"ACCESS_TOKEN_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtdG9rZW4ta2V5LTE="`
	// HoldKey is the secret behind the ids of holds, in base64, 32 bytes or more.
	HoldKey config.Secret `env:"HOLD_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtaG9sZC1rZXktMDE="`
	// EmailKey is the secret behind what is kept of the e-mails of erased accounts, in base64, 32 bytes or more. With another key they can be used again.
	EmailKey        config.Secret `env:"EMAIL_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtZW1haWwta2V5LTE="`
	RefreshLifetime time.Duration `env:"REFRESH_LIFETIME" envDefault:"720h" min:"1m" max:"87600h"` // of a refresh token that is not used

	FailedLoginsPerMinute int `env:"FAILED_LOGINS_PER_MINUTE" envDefault:"10" min:"1" max:"1000000000"` // of one account from one network
	// FailedLoginsPerAccount is how many log-ins of one account may fail a minute, wherever from. A browser that is logged in to it is not stopped by others'.
	FailedLoginsPerAccount int `env:"FAILED_LOGINS_PER_ACCOUNT" envDefault:"100" min:"1" max:"1000000000"`
	// FailedLoginsPerAddress is how many log-ins from one address may fail a minute, whatever the accounts.
	FailedLoginsPerAddress int `env:"FAILED_LOGINS_PER_ADDRESS" envDefault:"600" min:"1" max:"1000000000"`
	SignUpsPerMinute       int `env:"SIGN_UPS_PER_MINUTE" envDefault:"600" min:"1" max:"1000000000"` // from one address

	ConfirmsPerMinute int `env:"CONFIRMS_PER_MINUTE" envDefault:"120" min:"1" max:"1000000000"` // requests to confirm a payment of one account
	// ConfirmsOfOwn is how many requests a minute to confirm a payment of one account pass whatever came from its network: so many are not counted there.
	ConfirmsOfOwn int `env:"CONFIRMS_OF_OWN" envDefault:"10" min:"1" max:"1000000000"`
	// ConfirmsPerNetwork is how many requests to confirm a payment beyond their accounts' own may come a minute from one network. Carriers put many fans behind one IPv4 address.
	ConfirmsPerNetwork int `env:"CONFIRMS_PER_NETWORK" envDefault:"6000" min:"1" max:"1000000000"`

	TossClientKey string `env:"TOSS_CLIENT_KEY" envDefault:"test_ck_fairgate"` // opens the payment window
	// TossWindowURL is the simulator's payment window; "off" for the real one, which the provider's script opens.
	TossWindowURL string `env:"TOSS_WINDOW_URL" envDefault:"http://127.0.0.1:8090/pay"`

	MaxStreams int `env:"MAX_STREAMS" envDefault:"20000" min:"0" max:"10000000"` // open at once in this process; more fans poll
	// MaxStreamsPerNetwork is how many of them one network may have, an IPv4 address or an IPv6 /64; more fans poll. Carriers put many fans behind one IPv4 address.
	MaxStreamsPerNetwork int `env:"MAX_STREAMS_PER_NETWORK" envDefault:"4000" min:"1" max:"10000000"`
}

// windowOff turns the simulator's payment window off: an empty setting means its default.
const windowOff = "off"

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
	check(isBaseURL(c.QueueJWKSURL), "QUEUE_JWKS_URL: %q is not a URL", c.QueueJWKSURL)
	check(c.TossWindowURL == windowOff || isBaseURL(c.TossWindowURL), "TOSS_WINDOW_URL: %q is neither a URL nor off", c.TossWindowURL)
	check(decodedLen(c.AccessTokenKey) == 32, "ACCESS_TOKEN_KEY: must be 32 bytes in base64")
	check(decodedLen(c.HoldKey) >= 32, "HOLD_KEY: must be at least 32 bytes in base64")
	check(decodedLen(c.EmailKey) >= 32, "EMAIL_KEY: must be at least 32 bytes in base64")
	check(c.FailedLoginsPerAccount >= c.FailedLoginsPerMinute, "FAILED_LOGINS_PER_ACCOUNT: must be at least FAILED_LOGINS_PER_MINUTE")
	faults = append(faults, c.Tracing.Validate())
	if _, err := httpd.ParseProxies(c.TrustedProxies); err != nil {
		faults = append(faults, fmt.Errorf("TRUSTED_PROXIES: %w", err))
	}
	faults = append(faults, c.Env.Check(config.Own{
		Keys:     map[string]string{"ACCESS_TOKEN_KEY": c.AccessTokenKey.Reveal(), "HOLD_KEY": c.HoldKey.Reveal(), "EMAIL_KEY": c.EmailKey.Reveal()},
		Words:    map[string]string{"TOSS_CLIENT_KEY": c.TossClientKey},
		Backends: map[string]string{"POSTGRES_URL": c.PostgresURL.Reveal()},
		Outside:  map[string]string{"TOSS_WINDOW_URL": c.paymentWindow()},
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
