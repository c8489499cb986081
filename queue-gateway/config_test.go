package queuegateway

import (
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
)

func TestConfigNeedsNothingInDevelopmentAndItsOwnKeysInProduction(t *testing.T) {
	t.Parallel()
	if _, err := config.Load[Config]([]string{"ENV=development"}); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load[Config](nil) // what does not say development is production
	if err == nil || !strings.Contains(err.Error(), "PASS_KEY") || !strings.Contains(err.Error(), "PLACE_KEY") {
		t.Fatalf("production with development keys: %v", err)
	}
	own := []string{"ENV=production", "PASS_KEY=" + "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=", "PLACE_KEY=" + "enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmE5ODc2NTQ="}
	if _, err := config.Load[Config](own); err != nil {
		t.Fatal(err)
	}
}

func TestConfigReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load[Config]([]string{"PUBLIC_URL=here", "UPSTREAM_TIMEOUT=1s", "PASS_KEY=short", "TRUSTED_PROXIES=localhost", "JOINS_PER_MINUTE=0"})
	for _, name := range []string{"PUBLIC_URL", "UPSTREAM_TIMEOUT", "PASS_KEY", "TRUSTED_PROXIES", "JOINS_PER_MINUTE"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported: %v", name, err)
		}
	}
}
