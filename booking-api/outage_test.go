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

// An API that was started while Redis does not say who is revoked asks Postgres who is
// deleted; while that cannot be asked either, nobody passes.
func TestARestartWithoutRedisGivesNobodysTokenBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client, prefix := backendtest.Redis(t)
	if err := client.Set(ctx, prefix+"revoked", "no sorted set", 0).Err(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "REDIS_PREFIX="+prefix)
	_, showtime := w.sale(map[string]any{"seats": 4, "queued": false})
	fans := w.fans(2)
	gone, stays := fans[0], fans[1]
	if _, err := w.pool.Exec(ctx, `UPDATE account SET email = NULL, password_hash = NULL, name = '', deleted_at = now() WHERE id = $1`, gone.id); err != nil {
		t.Fatal(err)
	}
	seat := w.seats(showtime, 1)[0]
	for _, end := range []string{"", " "} { // the short way, and the described one
		w.call("POST", holdsOf(showtime), seatsBody(seat)+end, with(gone.auth, key())...).is(401, "unauthenticated")
	}
	w.call("GET", "/v1/bookings", nil, gone.auth...).is(401, "unauthenticated")
	w.call("GET", "/v1/me/notifications/events", nil, gone.auth...).is(401, "unauthenticated")
	w.call("GET", "/v1/bookings", nil, stays.auth...).is(200)

	unlock := w.lockTable("account")
	refused := w.call("GET", "/v1/bookings", nil, stays.auth...).is(503, "upstream_unavailable")
	if refused.header.Get("Retry-After") == "" || refused.header.Get("WWW-Authenticate") != "" {
		t.Errorf("headers: %v", refused.header)
	}
	w.call("POST", holdsOf(showtime), seatsBody(seat), with(stays.auth, key())...).is(503)
	unlock()

	if err := client.Del(ctx, prefix+"revoked").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis has said who is revoked", func() bool { return w.service.revoked.Ready(ctx) == nil })
	defer w.lockTable("account")() // now it is not asked
	w.call("GET", "/v1/bookings", nil, stays.auth...).is(200)
}
