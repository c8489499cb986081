//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// road is the way from the services to one backend.
type road struct{ proxy *toxiproxy.Proxy }

// openRoads opens the detours that the services use. It must come before the
// services, and outlive them.
func (s *system) openRoads() error {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := s.ports()
	s.roads = map[string]*road{}
	for part, ports := range map[string][2]int{
		"postgres": {p.Detours.Postgres, p.Postgres}, "redis": {p.Detours.Redis, p.Redis},
		"rabbitmq": {p.Detours.RabbitMQ, p.RabbitMQ}, "provider": {p.Detours.Toss, p.Toss},
	} {
		proxy := toxiproxy.NewProxy(server, part, fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1]))
		if err := proxy.Start(); err != nil {
			return fmt.Errorf("the road to %s: %w", part, err)
		}
		s.roads[part] = &road{proxy}
	}
	return nil
}

func (r *road) close() { r.proxy.Stop() }

// trouble is one thing that a network does.
type trouble struct {
	kind       string // of toxiproxy
	attributes map[string]int
}

// spoil makes the road bad until mend.
func (r *road) spoil(t *testing.T, with trouble) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		raw, err := json.Marshal(map[string]any{
			"name": stream, "type": with.kind, "stream": stream, "toxicity": 1.0, "attributes": with.attributes,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.proxy.Toxics.AddToxicJson(bytes.NewReader(raw)); err != nil {
			t.Fatalf("%s: %v", with.kind, err)
		}
	}
}

func (r *road) mend() { r.proxy.Toxics.ResetToxics(context.Background()) }
