package bookingapi

import (
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
)

func TestDevelopmentSettingsWorkAndProductionRefusesThem(t *testing.T) {
	t.Parallel()
	if _, err := config.Load[Config]([]string{"ENV=development"}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	_, err := config.Load[Config](nil) // what does not say development is production
	for _, name := range []string{"POSTGRES_URL", "ACCESS_TOKEN_KEY", "HOLD_KEY", "EMAIL_KEY", "TOSS_CLIENT_KEY", "TOSS_WINDOW_URL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("production does not refuse the development value of %s: %v", name, err)
		}
	}
}

func TestEveryFaultyKeyIsNamed(t *testing.T) {
	t.Parallel()
	_, err := config.Load[Config]([]string{
		"ENV=live", "PUBLIC_URL=here", "QUEUE_JWKS_URL=x", "TOSS_WINDOW_URL=x", "ACCESS_TOKEN_KEY=c2hvcnQ=", "HOLD_KEY=!", "EMAIL_KEY=c2hvcnQ=",
		"REFRESH_LIFETIME=1s", "POSTGRES_CONNS=0", "FAILED_LOGINS_PER_MINUTE=0", "SIGN_UPS_PER_MINUTE=0", "MAX_STREAMS=-1", "TRUSTED_PROXIES=nobody",
	})
	for _, name := range []string{
		"ENV", "PUBLIC_URL", "QUEUE_JWKS_URL", "TOSS_WINDOW_URL", "ACCESS_TOKEN_KEY", "HOLD_KEY", "EMAIL_KEY", "REFRESH_LIFETIME", "POSTGRES_CONNS",
		"FAILED_LOGINS_PER_MINUTE", "SIGN_UPS_PER_MINUTE", "MAX_STREAMS", "TRUSTED_PROXIES",
	} {
		if err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
