package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// Durability says what a crash of the machine may cost.
type Durability int

// Durable survives a crash; Throwaway gives that up for speed, for tests.
const (
	Durable Durability = iota
	Throwaway
)

// Backends are one private Postgres, Redis and RabbitMQ.
type Backends struct {
	Dir        string // where pid files, logs and data lie
	Ports      Ports
	Durability Durability
	Progress   *Progress
}

// backend is one of the three servers.
type backend interface {
	name() string
	ports() []int
	start(ctx context.Context) error  // returns when its process runs
	settle(ctx context.Context) error // returns when it is ready, whoever started it
	stop(ctx context.Context) error   // no error if it does not run
	erase() error                     // deletes its data
}

func (b Backends) supervisor() supervisor { return supervisor{dir: b.Dir} }

func (b Backends) all() []backend {
	sup := b.supervisor()
	return []backend{
		postgresServer{sup: sup, port: b.Ports.Postgres, durability: b.Durability},
		redisServer{sup: sup, port: b.Ports.Redis, durability: b.Durability},
		rabbitServer{sup: sup, layout: b.Ports},
	}
}

// Up installs what is missing and starts what does not run, all three at once.
// It returns when they are ready.
func (b Backends) Up(ctx context.Context) error {
	sup := b.supervisor()
	if err := sup.prepare(); err != nil {
		return err
	}
	if err := b.claimPorts(); err != nil {
		return err
	}
	if err := install(ctx, b.Progress, backendPackages(), filepath.Join(b.Dir, "log", "install.log")); err != nil {
		return err
	}
	return inParallel(b.all(), func(server backend) error {
		if _, running := sup.find(server.name()); running {
			b.Progress.Say(server.name(), "runs already")
			return server.settle(ctx) // an interrupted start may have left it half ready
		}
		return b.Progress.Do(server.name(), fmt.Sprintf("ready on 127.0.0.1:%d", server.ports()[0]),
			func() error {
				if err := server.start(ctx); err != nil {
					return err
				}
				return server.settle(ctx)
			})
	})
}

// claimPorts returns an error that names every port somebody else took from a
// server that does not run yet.
func (b Backends) claimPorts() error {
	var errs []error
	for _, server := range b.all() {
		if _, running := b.supervisor().find(server.name()); !running {
			errs = append(errs, claim(server.name(), server.ports()...))
		}
	}
	return errors.Join(errs...)
}

// Down stops all three and waits until they are gone.
func (b Backends) Down(ctx context.Context) error {
	return inParallel(b.all(), func(server backend) error {
		if _, running := b.supervisor().find(server.name()); !running {
			return server.stop(ctx) // its helpers and pid files
		}
		return b.Progress.Do(server.name(), "stopped", func() error { return server.stop(ctx) })
	})
}

// Erase deletes the data of all three; they must be down.
func (b Backends) Erase() error {
	return inParallel(b.all(), backend.erase)
}

// PostgresURL is a superuser's URL of the named database.
func (b Backends) PostgresURL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", backendUser, backendPassword, address(b.Ports.Postgres), database)
}

// RedisAddr is Redis's host:port.
func (b Backends) RedisAddr() string { return address(b.Ports.Redis) }

// RabbitURL is the URL of the default virtual host.
func (b Backends) RabbitURL() string {
	return fmt.Sprintf("amqp://%s:%s@%s/", backendUser, backendPassword, address(b.Ports.RabbitMQ))
}

// RabbitUIURL is the management API's URL with user and password.
func (b Backends) RabbitUIURL() string {
	return fmt.Sprintf("http://%s:%s@%s", backendUser, backendPassword, address(b.Ports.RabbitMQUI))
}

// TestEnviron names the backends as platform/backendtest reads them.
func (b Backends) TestEnviron() []string {
	return []string{
		"TEST_POSTGRES_URL=" + b.PostgresURL("postgres"),
		"TEST_REDIS_ADDR=" + b.RedisAddr(),
		"TEST_RABBITMQ_URL=" + b.RabbitURL(),
		"TEST_RABBITMQ_UI_URL=" + b.RabbitUIURL(),
	}
}

// inParallel calls work for each item at once and joins the errors.
func inParallel[T any](items []T, work func(T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() { errs[i] = work(item) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// getOK makes a request and returns an error unless the answer is 200.
func getOK(request *http.Request) error {
	client := http.Client{Timeout: 3 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
