package stack

import (
	"strings"
	"testing"
)

func TestAPortBaseWhosePagesBrowsersRefuseIsRefused(t *testing.T) {
	t.Parallel()
	for base, port := range map[string]string{"10000": "10080", "4110": "4190", "6585": "6665", "5999": "6079"} {
		_, err := ParsePortBase(base)
		refused := err != nil && strings.Contains(err.Error(), "port "+port+" ") && strings.Contains(err.Error(), "ERR_UNSAFE_PORT")
		if harmless := base == "5999"; refused == harmless {
			t.Errorf("PORT_BASE=%s: %v", base, err)
		}
	}
	for _, base := range []string{"8000", "9000", "18600", "2100", "3100"} {
		if _, err := ParsePortBase(base); err != nil {
			t.Error(err)
		}
	}
}

func TestAFreePortBaseHasNoPageThatBrowsersRefuse(t *testing.T) {
	t.Parallel()
	base, err := FreePortBase(10000)
	if err != nil || base == 10000 {
		t.Errorf("%d, %v", base, err)
	}
}
