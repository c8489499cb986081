package bookingapi

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

func TestWithoutPostgresCallersAreAskedToComeBack(t *testing.T) {
	t.Parallel()
	database, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	road := backendtest.NewProxy(t, database.Host)
	database.Host = road.Addr
	w := newWorld(t, "POSTGRES_URL="+database.String(), "FAILED_LOGINS_PER_MINUTE=10000", "FAILED_LOGINS_PER_ACCOUNT=10000")
	logIn := func() answer {
		return w.call("POST", "/v1/auth/login", map[string]string{"email": "nobody@fairgate.test", "password": "Fairgate-dev-1"})
	}
	if a := logIn(); a.status != http.StatusUnauthorized {
		t.Fatalf("with Postgres: %d %s", a.status, a.text)
	}
	road.SetDown(true)
	if a := logIn(); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("without Postgres: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	road.SetDown(false)
	eventually(t, "it goes on by itself", func() bool { return logIn().status == http.StatusUnauthorized })
}
