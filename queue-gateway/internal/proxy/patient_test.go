package proxy

import (
	"net/http"
	"testing"
)

// What may take long is told by the path that the upstream routes by, however the
// caller spells it: else a spelling would count late log-ins against the upstream.
func TestPatienceGoesByThePathThatIsRouted(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"/v1/auth/login":          true,
		"//v1//auth/login":        true,
		"/v1/./auth/login":        true,
		"/v1/x/../auth/login":     true,
		"/v1/%61uth/login":        true,
		"/v1/payments//confirm":   true,
		"/login":                  true,
		"/venues?x=/v1/auth/":     false,
		"/v1/venues":              false,
		"/v1/auth/../venues":      false,
		"/V1/auth/login":          false, // the upstream has no such route
		"/v1/venues/%2fv1/auth/a": false,
	} {
		request, err := http.NewRequest(http.MethodPost, "http://shop"+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := mayTakeLong(request); got != want {
			t.Errorf("%s: patient %v, want %v", target, got, want)
		}
	}
}
