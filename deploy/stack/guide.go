package stack

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// PrintGuide says where everything is and what to try.
func (s System) PrintGuide() error {
	p := s.Backends.Ports
	site := httpURL(p.Gateway, "")
	moved := ""
	if p.Base != DefaultPortBase {
		moved = " PORT_BASE=" + strconv.Itoa(p.Base)
	}
	_, err := fmt.Fprintf(s.Out, `
Fairgate is up.

  the site                %[1]s
  a queued sale           %[1]s/q/demo-onsale
  mails and Slack posts   %[2]s
  payments (simulator)    %[3]s
  RabbitMQ                %[4]s   (%[5]s / %[6]s)
  Postgres                %[7]s
  metrics                 %[8]s  %[9]s  %[10]s
%[13]s  logs                    %[11]s

  accounts                fan@fairgate.test  organizer@fairgate.test  admin@fairgate.test
  password                Fairgate-dev-1

Try: open the queued sale, log in as the fan, wait for your turn, pick seats, approve
the payment in the simulator's window; then look at the mail.

  make%[12]s status | logs | down | reset
`, site, httpURL(p.Catcher, "/"), httpURL(p.Toss, "/"), httpURL(p.RabbitMQUI, "/"), backendUser, backendPassword,
		s.Backends.PostgresURL(databaseName),
		httpURL(p.GatewayAdmin, "/metrics"), httpURL(p.APIAdmin, "/metrics"), httpURL(p.WorkerAdmin, "/metrics"),
		filepath.Dir(s.sup().logFile("any")), moved, s.observeGuide())
	return err
}

func (s System) observeGuide() string {
	if !s.observed() {
		return ""
	}
	p := s.Backends.Ports
	return fmt.Sprintf("  Prometheus              %s\n  Alertmanager            %s\n", httpURL(p.Prometheus, "/"), httpURL(p.Alertmanager, "/"))
}

// TestEnviron tells the tests of the whole system where it is, and where a
// browser is.
func (s System) TestEnviron() []string {
	p := s.Backends.Ports
	return []string{
		"SITE=" + httpURL(p.Gateway, ""),
		"FAIRGATE_URL=" + httpURL(p.Gateway, ""),
		"FAIRGATE_SIM_URL=" + httpURL(p.Toss, ""),
		"FAIRGATE_CATCHER_URL=" + httpURL(p.Catcher, ""),
		"FAIRGATE_METRICS_URLS=" + strings.Join([]string{
			httpURL(p.GatewayAdmin, "/metrics"), httpURL(p.APIAdmin, "/metrics"), httpURL(p.WorkerAdmin, "/metrics")}, " "),
		"FAIRGATE_LOG_DIR=" + filepath.Dir(s.sup().logFile("any")),
		"FAIRGATE_AUDIT_DIR=" + filepath.Join(s.sup().dataDir(), "audit"),
		"FAIRGATE_PROMETHEUS_URL=" + httpURL(p.Prometheus, ""),
		"CHROMIUM=" + newest(chromiumPath),
	}
}

// InstallPageTestPackages brings the browser and the fonts of the page tests.
func (s System) InstallPageTestPackages(ctx context.Context) error {
	return install(ctx, s.progress(), pageTestPackages(), s.sup().logFile("install-pages"))
}
