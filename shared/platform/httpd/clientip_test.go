package httpd

import (
	"fmt"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

func TestForwardedAddressesCountOnlyFromTrustedProxies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trusted   []string
		forwarded string
		want      string
	}{
		"nobody is trusted":        {nil, "203.0.113.9", "127.0.0.1"},
		"a trusted proxy":          {[]string{"127.0.0.0/8"}, "203.0.113.9", "203.0.113.9"},
		"a stranger wrote first":   {[]string{"127.0.0.1"}, "1.1.1.1, 203.0.113.9", "203.0.113.9"},
		"two proxies":              {[]string{"127.0.0.1", "10.0.0.0/8"}, "203.0.113.9, 10.1.2.3", "203.0.113.9"},
		"nonsense":                 {[]string{"127.0.0.1"}, "unknown", "127.0.0.1"},
		"trusted, nothing written": {[]string{"127.0.0.1"}, "", "127.0.0.1"},
		"with a port":              {[]string{"127.0.0.1"}, "203.0.113.9:4711", "203.0.113.9"},
		"IPv6":                     {[]string{"127.0.0.1"}, "2001:db8:1:2:3::4", "2001:db8:1:2:3::4"},
		"IPv6 with a port":         {[]string{"127.0.0.1"}, "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2:3::4"},
		"IPv6 in brackets":         {[]string{"127.0.0.1"}, "[2001:db8:1:2:3::4]", "2001:db8:1:2:3::4"},
		"IPv6 with a zone":         {[]string{"127.0.0.1"}, "fe80::1%eth0", "fe80::1"},
		"IPv4 written as IPv6":     {[]string{"127.0.0.1"}, "::ffff:203.0.113.9", "203.0.113.9"},
		"a proxy with a port":      {[]string{"127.0.0.1", "10.0.0.0/8"}, "203.0.113.9:1, 10.1.2.3:2", "203.0.113.9"},
		"empty elements":           {[]string{"127.0.0.1"}, "203.0.113.9, ,", "203.0.113.9"},
	} {
		addr := serve(t, Options{BodyLimit: 64, TrustedProxies: c.trusted}, routes)
		conn, in := dial(t, addr)
		if _, body := say(t, conn, in, "GET /ip HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+c.forwarded+"\r\n\r\n"); body != c.want {
			t.Errorf("%s: %s, want %s", name, body, c.want)
		}
	}
	if _, err := ParseProxies([]string{"localhost"}); err == nil {
		t.Error("a name was taken for an address")
	}
}

// Some proxies add a line of their own to the header instead of extending the last.
func TestForwardedAddressesInSeveralLinesCountFromTheLast(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{TrustedProxies: []string{"127.0.0.1"}}, func(app *fiber.App) {
		app.Get("/ip", func(c *fiber.Ctx) error { return c.SendString(ClientIP(c)) })
	})
	conn, in := dial(t, addr)
	_, body := say(t, conn, in, "GET /ip HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
	if body != "203.0.113.9" {
		t.Errorf("the caller is %s, as the stranger wrote", body)
	}
}

// Who has a /64 has 2^64 addresses: limits count it as one caller.
func TestLimitsCountIPv6ByNetwork(t *testing.T) {
	t.Parallel()
	addr := serve(t, Options{TrustedProxies: []string{"127.0.0.1"}}, func(app *fiber.App) {
		app.Get("/network", func(c *fiber.Ctx) error { return c.SendString(ClientNetwork(c)) })
	})
	for forwarded, want := range map[string]string{
		"203.0.113.9":                "203.0.113.9",
		"203.0.113.9:80":             "203.0.113.9",
		"2001:db8:1:2::1":            "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::9":       "2001:db8:1:2::/64",
		"[2001:db8:1:2:aaaa::9]:443": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":            "2001:db8:1:3::/64",
		"::ffff:203.0.113.9":         "203.0.113.9",
	} {
		conn, in := dial(t, addr)
		if _, body := say(t, conn, in, "GET /network HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+forwarded+"\r\n\r\n"); body != want {
			t.Errorf("%s is counted as %s, want %s", forwarded, body, want)
		}
	}
}

// A caller whom nobody can tell from others shares their limits: that must be seen.
func TestForwardedAddressesThatAreNotUnderstoodAreCounted(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	addr := serve(t, Options{Metrics: metrics, TrustedProxies: []string{"127.0.0.1"}}, routes)
	for i, forwarded := range []string{"unknown", "_hidden", "203.0.113.9, 203.0.113.256", "203.0.113.9:99999"} {
		conn, in := dial(t, addr)
		if _, body := say(t, conn, in, "GET /ip HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+forwarded+"\r\n\r\n"); body != "127.0.0.1" {
			t.Errorf("%q: the caller is %s", forwarded, body)
		}
		if got, err := counted(metrics, "fairgate_http_unreadable_forwarded_total"); err != nil || got != float64(i+1) {
			t.Errorf("%q: counted %v times, %v, want %d", forwarded, got, err, i+1)
		}
	}
	conn, in := dial(t, addr)
	say(t, conn, in, "GET /ip HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: unknown, 203.0.113.9\r\n\r\n")
	if got, err := counted(metrics, "fairgate_http_unreadable_forwarded_total"); err != nil || got != 4 {
		t.Errorf("what a stranger wrote further left was counted: %v, %v", got, err)
	}
}

// counted returns the value of the only series of a counter.
func counted(metrics prometheus.Gatherer, name string) (float64, error) {
	families, err := metrics.Gather()
	if err != nil {
		return 0, err
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue(), nil
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}
