package rabbit

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// Client publishes, consumes and looks after parked messages. Run must run
// meanwhile. Safe for concurrent use.
type Client struct {
	topology   Topology
	publishing *connection
	consuming  *connection
	channels   chan *publishChannel // those not in use
	log        *slog.Logger
	metrics    metrics
	tracer     *tracing.Tracer
}

type metrics struct {
	published *prometheus.CounterVec
	handled   *prometheus.CounterVec
	duration  *prometheus.HistogramVec
}

// New returns a client of the broker at url (amqp://user:password@host:port/vhost).
// It connects when Run is called. A nil registerer registers no metrics.
func New(url string, topology Topology, log *slog.Logger, registerer prometheus.Registerer) *Client {
	if len(topology.Ladder) == 0 {
		topology.Ladder = StandardLadder()
	}
	c := &Client{
		topology:   topology,
		publishing: newConnection("publish", url, topology, log),
		consuming:  newConnection("consume", url, topology, log),
		channels:   make(chan *publishChannel, idleChannels),
		log:        log,
		metrics:    newMetrics(registerer),
	}
	c.metrics.begin(topology)
	c.gauge(registerer, c.publishing)
	c.gauge(registerer, c.consuming)
	return c
}

func newMetrics(registerer prometheus.Registerer) metrics {
	factory := promauto.With(registerer)
	return metrics{
		published: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_message_published_total",
			Help: "Messages handed to the broker, by exchange and outcome (confirmed, unroutable, rejected, lost).",
		}, []string{"exchange", "outcome"}),
		handled: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_message_handled_total",
			Help: "Messages taken from work queues, by what was done with them (ack, retry, park).",
		}, []string{"queue", "verdict"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fairgate_message_handle_duration_seconds",
			Help:    "Time a handler took for one message.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"queue"}),
	}
}

// begin shows what has not happened yet as 0, so that the first time shows as an
// increase.
func (m metrics) begin(topology Topology) {
	for _, outcome := range []string{"confirmed", "unroutable", "rejected", "lost"} {
		m.published.WithLabelValues(ExchangeEvents, outcome)
	}
	for _, queue := range topology.Queues {
		m.duration.WithLabelValues(queue.Name)
		for _, fate := range []verdict{ack, retry, park} {
			m.handled.WithLabelValues(queue.Name, string(fate))
		}
	}
}

func (c *Client) gauge(registerer prometheus.Registerer, conn *connection) {
	promauto.With(registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "fairgate_message_broker_connections",
		Help:        "1 while the connection to the broker is up, by what it is for (publish, consume).",
		ConstLabels: prometheus.Labels{"use": conn.name},
	}, func() float64 {
		if _, err := conn.get(); err != nil {
			return 0
		}
		return 1
	})
}

// Run keeps both connections open until ctx ends, then closes them. End the
// consumers and publishers first.
func (c *Client) Run(ctx context.Context) error {
	var both guard.Group
	both.Keep(ctx, "rabbit", c.publishing.run)
	both.Keep(ctx, "rabbit", c.consuming.run)
	both.Wait()
	return nil
}

// Ready returns ErrDown unless both connections are up.
func (c *Client) Ready(context.Context) error {
	if _, err := c.publishing.get(); err != nil {
		return err
	}
	_, err := c.consuming.get()
	return err
}

// Await returns as soon as both connections are up, or ctx ends.
func (c *Client) Await(ctx context.Context) error {
	if _, err := c.publishing.wait(ctx); err != nil {
		return err
	}
	_, err := c.consuming.wait(ctx)
	return err
}
