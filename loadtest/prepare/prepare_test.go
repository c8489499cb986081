package prepare_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/loadtest/prepare"
)

func TestFileReadsEveryShape(t *testing.T) {
	t.Parallel()
	token, login := prepare.Account{AccessToken: "t1"}, prepare.Account{Email: "a@example.com", Password: "p"}
	tests := []struct {
		name, text string
		want       []prepare.Account
		fault      string
	}{
		{name: "array", text: ` [{"access_token":"t1"},{"email":"a@example.com","password":"p"}]`, want: []prepare.Account{token, login}},
		{name: "as the development route answers", text: `{"password":"p","items":[{"email":"a@example.com"}]}`, want: []prepare.Account{login}},
		{name: "csv", text: "password,email,shoe_size\np,a@example.com,42\n", want: []prepare.Account{login}},
		{name: "csv with both", text: "access_token, email, password\nt1,,\n,a@example.com,p\n", want: []prepare.Account{token, login}},
		{name: "lines", text: "t1\nt2\n", want: []prepare.Account{token, {AccessToken: "t2"}}},
		{name: "empty", text: "\n", fault: "no accounts"},
		{name: "header only", text: "email,password\n", fault: "no accounts"},
		{name: "no password", text: "email,password\na@example.com,\n", fault: "account 1 has neither"},
		{name: "broken", text: `[{"access_token":`, fault: "unexpected end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "accounts")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := prepare.File(file)
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Errorf("error %v, want %q", err, test.fault)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// answers serves fixed JSON by path.
func answers(t *testing.T, byPath map[string]string) prepare.API {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := byPath[r.URL.Path]
		if !ok {
			http.Error(w, `{"code":"not_found"}`, http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return prepare.API{BaseURL: server.URL}
}

func TestADeploymentWithoutDevelopmentRoutesSaysWhatToGive(t *testing.T) {
	t.Parallel()
	api := answers(t, nil)
	if _, err := api.Accounts(t.Context(), 1, func(int) {}); !errors.Is(err, prepare.ErrNoDevelopmentRoutes) {
		t.Errorf("accounts: %v", err)
	}
	if _, err := api.Sale(t.Context(), prepare.SaleOptions{Seats: 1}); !errors.Is(err, prepare.ErrNoDevelopmentRoutes) {
		t.Errorf("sale: %v", err)
	}
}

func TestAccountsAreMadeInPortions(t *testing.T) {
	t.Parallel()
	var asked []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Count  int
			Prefix string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		asked = append(asked, body.Count)
		items := make([]prepare.Account, body.Count)
		for i := range items {
			items[i] = prepare.Account{AccessToken: fmt.Sprint(body.Prefix, i)}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"password": "secret", "items": items})
	}))
	t.Cleanup(server.Close)
	var told []int
	made, err := prepare.API{BaseURL: server.URL}.Accounts(t.Context(), 2_500, func(n int) { told = append(told, n) })
	if err != nil || !slices.Equal(asked, []int{1_000, 1_000, 500}) || !slices.Equal(told, []int{1_000, 2_000, 2_500}) {
		t.Fatalf("asked %v, told %v, error %v", asked, told, err)
	}
	tokens := map[string]bool{}
	for _, account := range made {
		tokens[account.AccessToken] = true
		if account.Password != "secret" {
			t.Fatalf("account %+v cannot log in again", account)
		}
	}
	if len(tokens) != 2_500 {
		t.Errorf("%d different accounts", len(tokens))
	}
}

func TestAnExistingSaleIsDescribed(t *testing.T) {
	t.Parallel()
	api := answers(t, map[string]string{
		"/v1/sales/spring":              `{"showtime_ids":["s1","s2"],"queued":true,"max_seats_per_account":4,"state":"open"}`,
		"/v1/showtimes/s1/availability": `{"total":900,"remaining":10}`,
		"/v1/sales/over":                `{"showtime_ids":["s1"],"state":"closed"}`,
	})
	got, err := api.Existing(t.Context(), "spring")
	want := prepare.Sale{SaleID: "spring", ShowtimeID: "s1", Seats: 900, Queued: true, MaxSeatsPerAccount: 4}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := api.Existing(t.Context(), "over"); err == nil || !strings.Contains(err.Error(), "closed, not open") {
		t.Errorf("a closed sale: %v", err)
	}
	if _, err := api.Existing(t.Context(), "none"); err == nil {
		t.Error("a sale that is not there passes")
	}
}

func TestALineThatDoesNotOpenIsAnError(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(t.Context())
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/queues/open" {
			_, _ = w.Write([]byte(`{"state":"open"}`))
			return
		}
		if asked++; asked > 1 {
			giveUp()
		}
		_, _ = w.Write([]byte(`{"state":"paused"}`))
	}))
	t.Cleanup(server.Close)
	api := prepare.API{BaseURL: server.URL}
	if err := api.LineOpen(ctx, "open", time.Minute); err != nil {
		t.Error(err)
	}
	if err := api.LineOpen(ctx, "shut", time.Minute); err == nil || !strings.Contains(err.Error(), "paused") {
		t.Errorf("a paused line: %v", err)
	}
}

func TestAGatewayThatHasJustStartedIsWaitedFor(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/performances" {
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	if err := (prepare.API{BaseURL: server.URL}).Ready(t.Context()); err != nil || asked != 2 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if err := (prepare.API{BaseURL: "http://127.0.0.1:1"}).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("nobody there: %v", err)
	}
}
