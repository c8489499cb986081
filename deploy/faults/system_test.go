//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
	"github.com/fairgate/fairgate/deploy/sim/toss"
	"github.com/fairgate/fairgate/deploy/stack"
)

// system is the stack under test with its roads.
type system struct {
	stack.System
	seed  uint64
	roads map[string]*road // by the part they lead to
}

func (s *system) ports() stack.Ports { return s.Backends.Ports }

func url(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }

func (s *system) front() string    { return url(s.ports().Gateway, "") }
func (s *system) provider() string { return url(s.ports().Toss, "") }

func (s *system) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Down(ctx); err != nil {
		fmt.Println("faults: stopping:", err)
	}
	for _, road := range s.roads {
		road.close()
	}
}

// database opens a connection of the test's own, past the roads.
func (s *system) database(t *testing.T) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), s.Backends.PostgresURL("fairgate"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return db
}

// crash kills a part and waits until it is gone.
func (s *system) crash(t *testing.T, part string) {
	t.Helper()
	if err := s.Kill(part); err != nil {
		t.Error(err)
	}
}

// stop ends a part as an operator would.
func (s *system) stop(t *testing.T, part string) {
	t.Helper()
	if err := s.Stop(context.Background(), part); err != nil {
		t.Error(err)
	}
}

// start starts a part again and waits until it is ready.
func (s *system) start(t *testing.T, part string) {
	t.Helper()
	if err := s.Start(context.Background(), part); err != nil {
		t.Error(err)
	}
}

// awaitInBalance waits until HAProxy sends requests to a part again.
func (s *system) awaitInBalance(t *testing.T, part string) {
	t.Helper()
	eventually(t, part+" is in balance", time.Minute, func() bool {
		request, err := http.Get(url(s.ports().BalancerStats, "/stats;csv"))
		if err != nil {
			return false
		}
		defer func() { _ = request.Body.Close() }()
		rows, err := csv.NewReader(request.Body).ReadAll()
		if err != nil || len(rows) == 0 {
			return false
		}
		status := slices.Index(rows[0], "status")
		return slices.ContainsFunc(rows, func(row []string) bool { return row[1] == part && row[status] == "UP" })
	})
}

// misbehave sets how the payment provider misbehaves.
func (s *system) misbehave(t *testing.T, faults toss.Faults) {
	t.Helper()
	raw, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPut, s.provider()+"/sim/faults", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT /sim/faults: %s", response.Status)
	}
}

func (s *system) mails() ([]catcher.Mail, error) {
	var list struct{ Items []catcher.Mail }
	return list.Items, fetch(url(s.ports().Catcher, "/api/mails"), &list)
}

// queueDepth is a queue of the broker with what it has, ready or being handled; nil
// as long as a broker that was just started has not counted.
type queueDepth struct {
	Name     string `json:"name"`
	Messages *int   `json:"messages"`
}

func (s *system) queues() ([]queueDepth, error) {
	var queues []queueDepth
	return queues, fetch(s.Backends.RabbitUIURL()+"/api/queues?columns=name,messages", &queues)
}

func fetch(url string, into any) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
