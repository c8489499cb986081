package stack

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Shape says what a system is made of.
type Shape int

// Single is one of each service. Paired is two gateways, two APIs and two workers,
// with HAProxy in front of the gateways and in front of the APIs; HAProxy has the
// ports that a single gateway and API have.
const (
	Single Shape = iota
	Paired
)

// drainDelay is more than HAProxy takes to notice, see deploy/haproxy/haproxy.cfg.
const drainDelay = "2s"

const balancerName = "haproxy"

func balancerPackages() []dependency {
	return []dependency{{"haproxy", []string{balancerPath}}}
}

const balancerPath = "/usr/sbin/haproxy"

// services returns what runs beside the backends.
func (s System) services() []service {
	if s.observed() {
		return append(s.programs(), s.monitors()...)
	}
	return s.programs()
}

// programs returns the services and the simulators.
func (s System) programs() []service {
	if s.Shape != Paired {
		return services()
	}
	var all []service
	for _, of := range services() {
		if !isReplicated(of) {
			all = append(all, of)
			continue
		}
		for i := range instances {
			all = append(all, instance(of, i))
		}
	}
	return append(all, balancer(s.Root))
}

// isReplicated reports whether any number of the service may run.
func isReplicated(of service) bool {
	return slices.Contains([]string{"queue-gateway", "booking-api", "worker"}, of.name)
}

// instance is the ith of several of a service, on ports of its own.
func instance(of service, i int) service {
	at := func(p Ports) Ports { return p.instance(i) }
	one := of
	one.name = of.name + "-" + strconv.Itoa(i+1)
	one.ports = func(p Ports) []int { return of.ports(at(p)) }
	one.ready = func(p Ports) string { return of.ready(at(p)) }
	one.own = func(p Ports, data string) map[string]string {
		settings := of.own(at(p), data)
		settings["DRAIN_DELAY"] = drainDelay
		settings["TRUSTED_PROXIES"] = "127.0.0.1"
		return settings
	}
	return one
}

// balancer is HAProxy with the configuration that people are given.
func balancer(root string) service {
	return service{
		name: balancerName, path: balancerPath,
		args:  []string{"-db", "-f", filepath.Join(root, "deploy", "haproxy", "haproxy.cfg")},
		ports: func(p Ports) []int { return []int{p.Gateway, p.API, p.BalancerStats} },
		ready: func(p Ports) string { return httpURL(p.BalancerStats, "/live") },
		own: func(p Ports, _ string) map[string]string {
			settings := map[string]string{
				"FRONT": address(p.Gateway), "FRONT_API": address(p.API), "FRONT_STATS": address(p.BalancerStats),
			}
			for i := range instances {
				at, n := p.instance(i), strconv.Itoa(i+1)
				settings["GATEWAY_"+n], settings["GATEWAY_"+n+"_ADMIN"] = address(at.Gateway), address(at.GatewayAdmin)
				settings["API_"+n], settings["API_"+n+"_ADMIN"] = address(at.API), address(at.APIAdmin)
			}
			return settings
		},
	}
}

// InstallBalancer brings HAProxy.
func (s System) InstallBalancer(ctx context.Context) error {
	return install(ctx, s.progress(), balancerPackages(), s.sup().logFile("install-haproxy"))
}

// Kill ends a part at once, as a crash does, and returns when it is gone.
func (s System) Kill(name string) error {
	p, running := s.sup().find(name)
	if !running {
		return fmt.Errorf("%s does not run", name)
	}
	return killGroup(p)
}

// Stop ends a part as an operator does, with the signal and the patience that
// "down" has, and returns when it is gone.
func (s System) Stop(ctx context.Context, name string) error {
	if server, ok := s.backend(name); ok {
		return server.stop(ctx)
	}
	return s.sup().stop(ctx, name, syscall.SIGTERM, serviceGrace)
}

// Start starts a part that was killed or stopped and returns when it is ready.
func (s System) Start(ctx context.Context, name string) error {
	if server, ok := s.backend(name); ok {
		if err := server.start(ctx); err != nil {
			return err
		}
		return server.settle(ctx)
	}
	for _, of := range s.services() {
		if of.name == name {
			return s.serve(ctx, of)
		}
	}
	return fmt.Errorf("there is no part %s", name)
}

func (s System) backend(name string) (backend, bool) {
	for _, server := range s.Backends.all() {
		if server.name() == name {
			return server, true
		}
	}
	return nil, false
}

// firstWorker is the name of the worker, or of one of them.
func (s System) firstWorker() string {
	for _, of := range s.services() {
		if strings.HasPrefix(of.name, "worker") {
			return of.name
		}
	}
	return ""
}
