// Package backendtest gives each test its own room in the real backends: a Redis
// key prefix, a RabbitMQ virtual host and, by package pgtest, a Postgres database.
// "make test" starts the backends and names them in the environment.
package backendtest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/ident"
)

// The environment variables that name the backends.
const (
	EnvPostgres = "TEST_POSTGRES_URL"    // a superuser's URL of any database
	EnvRedis    = "TEST_REDIS_ADDR"      // host:port
	EnvRabbit   = "TEST_RABBITMQ_URL"    // amqp URL of the default virtual host
	EnvRabbitUI = "TEST_RABBITMQ_UI_URL" // management URL with user and password
)

func need(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run the tests with 'make test', or 'make test-env' for a shell that has the backends", name)
	}
	return value
}

// PostgresAdminURL returns the superuser's URL; package pgtest makes databases.
func PostgresAdminURL(t testing.TB) string { t.Helper(); return need(t, EnvPostgres) }

// RedisAddr returns the test Redis's host:port.
func RedisAddr(t testing.TB) string { t.Helper(); return need(t, EnvRedis) }

// Redis returns a client and a key prefix of the test's own; keys under it are
// removed after the test.
func Redis(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{RedisAddr(t)}, DisableIdentity: true})
	prefix := ident.New("t") + ":"
	t.Cleanup(func() {
		removeKeys(t, client, prefix)
		_ = client.Close()
	})
	return client, prefix
}

func removeKeys(t testing.TB, client redis.UniversalClient, prefix string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			t.Logf("remove keys: %v", err)
			return
		}
	}
}

// RabbitURL returns the amqp URL of a new virtual host, removed after the test.
func RabbitURL(t testing.TB) string {
	t.Helper()
	vhost := ident.New("test")
	management(t, http.MethodPut, "/api/vhosts/"+vhost)
	t.Cleanup(func() { management(t, http.MethodDelete, "/api/vhosts/"+vhost) })
	u, err := url.Parse(need(t, EnvRabbit))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + vhost
	return u.String()
}

func management(t testing.TB, method, path string) {
	t.Helper()
	request, err := http.NewRequest(method, strings.TrimSuffix(need(t, EnvRabbitUI), "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		t.Fatal(fmt.Errorf("rabbitmq management: %s %s: %s", method, path, response.Status))
	}
}
