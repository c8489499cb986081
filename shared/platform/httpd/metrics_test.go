package httpd

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Fiber writes the next request of a connection over the strings of the one before.
func TestMetricsKeepTheirMethodsWhenTheConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	conn, in := dial(t, serve(t, Options{BodyLimit: 64, Metrics: metrics}, routes))
	for _, request := range []string{
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
		"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /ok HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		say(t, conn, in, request)
	}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, family := range families {
		for _, metric := range family.Metric {
			for _, label := range metric.Label {
				if label.GetName() == "method" {
					methods = append(methods, label.GetValue())
				}
			}
		}
	}
	slices.Sort(methods)
	if want := []string{"DELETE", "GET", "POST"}; !slices.Equal(methods, want) {
		t.Errorf("methods %q, want %q", methods, want)
	}
}
