package queuegateway

import (
	"reflect"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/platform/config"
)

// Every number among the settings has bounds, and what lies outside them is refused by
// name: nothing else keeps 10^18 seconds from becoming a moment in the past.
func TestEveryNumberHasBounds(t *testing.T) {
	t.Parallel()
	numbers, err := config.Numbers(reflect.TypeFor[Config]())
	if err != nil || len(numbers) == 0 {
		t.Fatalf("%d numbers, %v", len(numbers), err)
	}
	for _, n := range numbers {
		for _, absurd := range []string{"-1", "1000000000000000000", "99999999999999999999", "-1s", "2000000h", "9999999999h"} {
			if _, err := config.Load[Config]([]string{"ENV=test", n.Name + "=" + absurd}); err == nil || !strings.Contains(err.Error(), n.Name+": ") {
				t.Errorf("%s=%s: %v", n.Name, absurd, err)
			}
		}
	}
}
