package stack

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// DefaultPortBase is the port base of "make up".
const DefaultPortBase = 8000

// Ports are the TCP ports of one stack, all on 127.0.0.1.
type Ports struct {
	Base int

	Gateway, API                        int
	GatewayAdmin, APIAdmin, WorkerAdmin int
	Toss, Catcher, SMTP                 int
	Postgres, Redis                     int
	RabbitMQ, RabbitMQUI                int
	RabbitMQDist, EPMD                  int

	Instances     [instances]Instance // of the services of a Paired system
	BalancerStats int                 // of a Paired system
	Detours       Detours             // of a Detoured system

	RabbitMQMetrics                               int
	Prometheus, Alertmanager, Grafana             int // of an observed system, as the next; Grafana only of docker compose
	NodeExporter, RedisExporter, PostgresExporter int
}

// instances is how many of each service a Paired system has.
const instances = 2

// Instance is the ports of one of several gateways, APIs and workers.
type Instance struct{ Gateway, API, GatewayAdmin, APIAdmin, WorkerAdmin int }

// Detours are where the services of a Detoured system reach the backends and the
// provider: whoever listens there decides what the network is like.
type Detours struct{ Postgres, Redis, RabbitMQ, Toss int }

// instance returns the ports as the ith instance of each service sees them.
func (p Ports) instance(i int) Ports {
	of := p.Instances[i]
	p.Gateway, p.API = of.Gateway, of.API
	p.GatewayAdmin, p.APIAdmin, p.WorkerAdmin = of.GatewayAdmin, of.APIAdmin, of.WorkerAdmin
	return p
}

// detoured returns the ports as the services of a Detoured system see them.
func (p Ports) detoured() Ports {
	p.Postgres, p.Redis, p.RabbitMQ, p.Toss = p.Detours.Postgres, p.Detours.Redis, p.Detours.RabbitMQ, p.Detours.Toss
	return p
}

// PortsFrom lays out a stack's ports above base.
func PortsFrom(base int) Ports {
	var several [instances]Instance
	for i := range several {
		first := base + 40 + 10*i
		several[i] = Instance{Gateway: first, API: first + 1, GatewayAdmin: first + 2, APIAdmin: first + 3, WorkerAdmin: first + 4}
	}
	return Ports{
		Base:      base,
		Instances: several, BalancerStats: base + 45,
		Detours: Detours{Postgres: base + 60, Redis: base + 61, RabbitMQ: base + 62, Toss: base + 63},
		Catcher: base + 25, SMTP: base + 26,
		Postgres: base + 32,
		RabbitMQ: base + 72, RabbitMQUI: base + 73, RabbitMQDist: base + 74, EPMD: base + 75,
		Redis:   base + 79,
		Gateway: base + 80, API: base + 81,
		GatewayAdmin: base + 82, APIAdmin: base + 83, WorkerAdmin: base + 84,
		Toss:            base + 90,
		RabbitMQMetrics: base + 76,
		Prometheus:      base + 91, Alertmanager: base + 92, Grafana: base + 96,
		NodeExporter: base + 93, RedisExporter: base + 94, PostgresExporter: base + 95,
	}
}

const portSpan = 100 // ports a stack may use above its base

// ParsePortBase reads a port base and checks that all ports above it exist, and that
// browsers open those with pages.
func ParsePortBase(text string) (int, error) {
	base, err := strconv.Atoi(text)
	if err != nil || base < 1024 || base+portSpan > 65536 {
		return 0, fmt.Errorf("PORT_BASE=%q: give a number from 1024 to %d", text, 65536-portSpan)
	}
	if port, refused := PortsFrom(base).refused(); refused {
		return 0, fmt.Errorf("PORT_BASE=%q: port %d would have pages, and browsers refuse to open it (ERR_UNSAFE_PORT); give another number, such as %d",
			text, port, base+portSpan)
	}
	return base, nil
}

// refused returns a port with pages that browsers do not open: those of the bad ports
// of https://fetch.spec.whatwg.org/#port-blocking that a stack could have.
func (p Ports) refused() (port int, found bool) {
	bad := []int{1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
	for _, port := range p.withPages() {
		if slices.Contains(bad, port) {
			return port, true
		}
	}
	return 0, false
}

func (p Ports) withPages() []int {
	pages := []int{p.Gateway, p.API, p.Toss, p.Catcher, p.RabbitMQUI, p.Prometheus, p.Alertmanager, p.Grafana, p.BalancerStats}
	for _, of := range p.Instances {
		pages = append(pages, of.Gateway, of.API)
	}
	return pages
}

// FreePortBase returns the first base at or above start, in steps of 200, under
// which none of a stack's ports is taken.
func FreePortBase(start int) (int, error) {
	for base := start; base+portSpan < 32768; base += 2 * portSpan {
		if _, refused := PortsFrom(base).refused(); refused {
			continue
		}
		if len(PortsFrom(base).taken()) == 0 {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no free range of ports from %d to 32768", start)
}

func (p Ports) all() []int {
	all := []int{p.Gateway, p.API, p.GatewayAdmin, p.APIAdmin, p.WorkerAdmin, p.Toss, p.Catcher, p.SMTP,
		p.Postgres, p.Redis, p.RabbitMQ, p.RabbitMQUI, p.RabbitMQDist, p.EPMD,
		p.RabbitMQMetrics, p.Prometheus, p.Alertmanager, p.NodeExporter, p.RedisExporter, p.PostgresExporter,
		p.BalancerStats, p.Detours.Postgres, p.Detours.Redis, p.Detours.RabbitMQ, p.Detours.Toss}
	for _, of := range p.Instances {
		all = append(all, of.Gateway, of.API, of.GatewayAdmin, of.APIAdmin, of.WorkerAdmin)
	}
	return all
}

func (p Ports) taken() []int {
	var taken []int
	for _, port := range p.all() {
		if isTaken(port) {
			taken = append(taken, port)
		}
	}
	return taken
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func isTaken(port int) bool {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return true
	}
	_ = listener.Close()
	return false
}

// claim returns an error that names the ports somebody else listens on, by whom,
// and the setting that moves the stack away. A process that was killed keeps its
// ports for a moment, so it looks again for a second.
func claim(part string, ports ...int) error {
	var errs []error
	deadline := time.Now().Add(time.Second)
	for _, port := range ports {
		for isTaken(port) && time.Now().Before(deadline) {
			time.Sleep(pollEvery)
		}
		if isTaken(port) {
			errs = append(errs, fmt.Errorf("%s: port %d is taken%s; move everything with PORT_BASE, such as PORT_BASE=9000 (ports %d to %d)",
				part, port, ownerOf(port), 9000, 9000+portSpan-1))
		}
	}
	return errors.Join(errs...)
}

// accepts reports whether something answers on a port.
func accepts(port int) error {
	connection, err := net.DialTimeout("tcp", address(port), time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}
