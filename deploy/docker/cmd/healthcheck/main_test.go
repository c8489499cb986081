package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCheckWantsTheAnswer200(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	if err := check([]string{server.URL + "/readyz"}); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{server.URL + "/other"}, {"http://127.0.0.1:1/"}, nil} {
		if err := check(args); err == nil {
			t.Errorf("check(%q) succeeded", args)
		}
	}
}
