package queuegateway

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheCommandLinksNeitherADatabaseNorABroker(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "./cmd/queue-gateway").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range strings.Fields(string(out)) {
		for _, unwanted := range []string{"github.com/jackc/pgx", "github.com/rabbitmq/amqp091-go"} {
			if strings.HasPrefix(path, unwanted) {
				t.Errorf("a million waiting fans must cost the booking side nothing: %s is linked", path)
			}
		}
	}
}
