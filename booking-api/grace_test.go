package bookingapi

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/account/accountpg"
)

// TestThePagesAskAgainWithinTheGrace: a page that waited longer for a refresh whose answer
// is lost would show a spent token too late, and be logged out.
func TestThePagesAskAgainWithinTheGrace(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../shared/platform/page/static/session.js")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`const refreshWait = (\d+);`).FindSubmatch(source)
	used := regexp.MustCompile(`"/v1/auth/refresh".*timeout\(refreshWait\)`).Match(source)
	if found == nil || !used {
		t.Fatal("the pages do not limit a refresh by refreshWait")
	}
	ms, err := strconv.Atoi(string(found[1]))
	if wait := time.Duration(ms) * time.Millisecond; err != nil || 2*wait > accountpg.RefreshGrace {
		t.Errorf("the pages wait %s and %s again (%v), and the server forgives for %s", wait, wait, err, accountpg.RefreshGrace)
	}
}
