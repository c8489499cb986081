package httpd

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

func TestADrainingServiceIsNotReadyAnswersAndPartsWithItsCallers(t *testing.T) {
	t.Parallel()
	const long = time.Hour // the test ends it
	drain := NewDrain(long)
	addr := serve(t, Options{BodyLimit: 64, Drain: drain}, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("here") })
	})
	ordered, order := context.WithCancel(context.Background())
	serving, end := drain.After(ordered)
	defer end()

	if response := get(t, addr); response.Close {
		t.Error("a connection is ended although the service goes on")
	}
	if _, ready := Readiness(context.Background(), []Check{drain.Check()}); !ready {
		t.Error("not ready although the service goes on")
	}
	order()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if states, ready := Readiness(context.Background(), []Check{drain.Check()}); !ready {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("still ready: %v", states)
		}
	}
	if response := get(t, addr); response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("while draining: %d, connection ended: %v", response.StatusCode, response.Close)
	}
	if serving.Err() != nil {
		t.Error("the listener would close before the drain is over")
	}
}

func TestADrainEnds(t *testing.T) {
	t.Parallel()
	ordered, order := context.WithCancel(context.Background())
	serving, end := NewDrain(time.Millisecond).After(ordered)
	defer end()
	order()
	select {
	case <-serving.Done():
	case <-time.After(10 * time.Second):
		t.Error("the listener stays open")
	}
}

func get(t *testing.T, addr string) *http.Response {
	t.Helper()
	response, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}
