package stack

import (
	"fmt"
	"path/filepath"
	"time"
)

// A service is a program of Fairgate that "up" builds, starts and watches.
type service struct {
	name  string
	pkg   string // below the project folder
	path  string // instead of pkg: a program of the machine
	args  []string
	ports func(Ports) []int                     // what it listens on
	ready func(Ports) string                    // answers 200 once it can work
	needs []need                                // what its environment holds beside addresses
	own   func(Ports, string) map[string]string // the rest of its environment; the string is the data folder
}

// A need is a group of settings that several programs share.
type need func(b Backends) map[string]string

func needPostgres(b Backends) map[string]string {
	return map[string]string{"POSTGRES_URL": b.PostgresURL(databaseName)}
}

func needRedis(b Backends) map[string]string { return map[string]string{"REDIS_ADDRS": b.RedisAddr()} }

func needRabbit(b Backends) map[string]string {
	return map[string]string{"RABBITMQ_URL": b.RabbitURL()}
}

// demoSale is the queued sale of the development data.
const demoSale = "demo-onsale"

const (
	serviceGrace = 20 * time.Second // longer than SHUTDOWN_GRACE's default
	readyLimit   = 60 * time.Second
)

func httpURL(port int, path string) string { return fmt.Sprintf("http://%s%s", address(port), path) }

// services is the one table of what runs beside the backends.
func services() []service {
	return []service{
		{
			name: "toss-sim", pkg: "./deploy/sim/toss/cmd/toss-sim",
			ports: func(p Ports) []int { return []int{p.Toss} },
			ready: func(p Ports) string { return httpURL(p.Toss, "/readyz") },
			own: func(p Ports, data string) map[string]string {
				return map[string]string{"ADDR": address(p.Toss), "WEBHOOK_URL": httpURL(p.Gateway, "/v1/webhooks/toss"),
					"STATE_FILE": filepath.Join(data, "toss-sim.jsonl")}
			},
		},
		{
			name: "catcher", pkg: "./deploy/sim/catcher/cmd/catcher",
			ports: func(p Ports) []int { return []int{p.Catcher, p.SMTP} },
			ready: func(p Ports) string { return httpURL(p.Catcher, "/readyz") },
			own: func(p Ports, _ string) map[string]string {
				return map[string]string{"ADDR": address(p.Catcher), "SMTP_ADDR": address(p.SMTP)}
			},
		},
		{
			name: "booking-api", pkg: "./booking-api/cmd/booking-api",
			ports: func(p Ports) []int { return []int{p.API, p.APIAdmin} },
			ready: func(p Ports) string { return httpURL(p.APIAdmin, "/readyz") },
			needs: []need{needPostgres, needRedis},
			own: func(p Ports, _ string) map[string]string {
				return map[string]string{"ADDR": address(p.API), "ADMIN_ADDR": address(p.APIAdmin)}
			},
		},
		{
			name: "queue-gateway", pkg: "./queue-gateway/cmd/queue-gateway",
			ports: func(p Ports) []int { return []int{p.Gateway, p.GatewayAdmin} },
			ready: func(p Ports) string { return httpURL(p.GatewayAdmin, "/readyz") },
			needs: []need{needRedis},
			own: func(p Ports, _ string) map[string]string {
				return map[string]string{"ADDR": address(p.Gateway), "ADMIN_ADDR": address(p.GatewayAdmin)}
			},
		},
		{
			name: "worker", pkg: "./worker/cmd/worker",
			ports: func(p Ports) []int { return []int{p.WorkerAdmin} },
			ready: func(p Ports) string { return httpURL(p.WorkerAdmin, "/readyz") },
			needs: []need{needPostgres, needRedis, needRabbit},
			own: func(p Ports, data string) map[string]string {
				return map[string]string{"ADMIN_ADDR": address(p.WorkerAdmin), "AUDIT_DIR": filepath.Join(data, "audit")}
			},
		},
	}
}

// migrator runs to its end before the services start.
func migrator() service {
	return service{name: "migrate", pkg: "./worker/cmd/migrate", needs: []need{needPostgres},
		own: func(Ports, string) map[string]string { return nil }}
}

// defaults are the settings of all programs that point at each other; a caller
// who sets one of them in the environment wins.
func defaults(p Ports) map[string]string {
	return map[string]string{
		"PUBLIC_URL":          httpURL(p.Gateway, ""),
		"BOOKING_API_URL":     httpURL(p.API, ""),
		"QUEUE_JWKS_URL":      httpURL(p.Gateway, "/.well-known/jwks.json"),
		"TOSS_BASE_URL":       httpURL(p.Toss, ""),
		"TOSS_WINDOW_URL":     httpURL(p.Toss, "/pay"),
		"SMTP_ADDR":           address(p.SMTP),
		"SLACK_WEBHOOK_URL":   httpURL(p.Catcher, "/slack"),
		"JOINS_PER_MINUTE":    "1000000", // a load run's fans all come from this machine
		"BROWSERS_PER_MINUTE": "1000000",

		"MAX_STREAMS_PER_NETWORK": "1000000",
		"CONFIRMS_PER_NETWORK":    "1000000",
	}
}
