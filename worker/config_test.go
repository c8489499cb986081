package worker_test

import (
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/worker"
)

func TestDevelopmentNeedsNoSettings(t *testing.T) {
	t.Parallel()
	if _, err := config.Load[worker.Config]([]string{"ENV=development"}); err != nil {
		t.Error(err)
	}
}

func TestProductionRefusesDevelopmentValues(t *testing.T) {
	t.Parallel()
	_, err := config.Load[worker.Config](nil) // what does not say development is production
	if err == nil {
		t.Fatal("production started with development values")
	}
	for _, name := range []string{"POSTGRES_URL", "RABBITMQ_URL", "TOSS_BASE_URL", "TOSS_SECRET_KEY", "TICKET_KEY", "SMTP_ADDR"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not refused: %v", name, err)
		}
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load[worker.Config]([]string{
		"ENV=prod", "PUBLIC_URL=here", "SLACK_WEBHOOK_URL=topsecret", "TICKET_KEY=c2hvcnQ=", "POSTGRES_CONNS=1", "SMTP_TLS=maybe",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{"ENV", "PUBLIC_URL", "SLACK_WEBHOOK_URL", "TICKET_KEY", "POSTGRES_CONNS", "SMTP_TLS"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is missing in %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "topsecret") {
		t.Errorf("a secret is printed: %v", err)
	}
}
