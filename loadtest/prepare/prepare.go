// Package prepare gets what a load run needs: many accounts at once and a sale of
// its own, through the development-only routes of the booking API, or accounts from
// a file and a sale that exists.
package prepare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// API is a running system, by the origin that browsers use.
type API struct{ BaseURL string }

// Account has a token, or an e-mail and a password to get one, or both: a token
// lapses after minutes.
type Account struct {
	AccountID   string `json:"account_id,omitempty"`
	AccessToken string `json:"access_token,omitempty"`
	Email       string `json:"email,omitempty"`
	Password    string `json:"password,omitempty"`
}

// SaleOptions describe a sale to make.
type SaleOptions struct {
	Seats              int  `json:"seats"`
	Queued             bool `json:"queued"`
	Capacity           int  `json:"capacity"`        // of the line
	RatePerMinute      int  `json:"rate_per_minute"` // of the line
	SessionSeconds     int  `json:"session_seconds"` // of the line
	MaxSeatsPerAccount int  `json:"max_seats_per_account"`
	Price              int  `json:"price"` // KRW a seat
}

// Sale is what fans come for.
type Sale struct {
	SaleID             string `json:"sale_id"`
	ShowtimeID         string `json:"showtime_id"`
	Seats              int    `json:"-"` // of the showtime
	Queued             bool   `json:"-"`
	MaxSeatsPerAccount int    `json:"-"`
}

// ErrNoDevelopmentRoutes means that the system is not one for development.
var ErrNoDevelopmentRoutes = errors.New("this deployment makes no accounts and sales for load runs (its ENV is not development): " +
	"name a sale that exists with SALE and a file of accounts with TOKENS")

const chunk = 1_000 // accounts a request

// Accounts makes count accounts and tells progress after each chunk.
func (a API) Accounts(ctx context.Context, count int, progress func(made int)) ([]Account, error) {
	all := make([]Account, 0, count)
	prefix := fmt.Sprintf("load-%d", time.Now().UnixMilli())
	for len(all) < count {
		var made struct {
			Password string
			Items    []Account
		}
		ask := map[string]any{"count": min(chunk, count-len(all)), "prefix": fmt.Sprintf("%s-%d", prefix, len(all))}
		if err := a.post(ctx, "/v1/dev/accounts", ask, &made); err != nil {
			return nil, developmentOnly(err)
		}
		if len(made.Items) == 0 {
			return nil, fmt.Errorf("no accounts were made")
		}
		for _, account := range made.Items {
			account.Password = made.Password
			all = append(all, account)
		}
		progress(len(all))
	}
	return all, nil
}

// Sale makes a hall, a performance, a showtime and a sale that is open now.
func (a API) Sale(ctx context.Context, options SaleOptions) (Sale, error) {
	made := Sale{Seats: options.Seats, Queued: options.Queued, MaxSeatsPerAccount: options.MaxSeatsPerAccount}
	return made, developmentOnly(a.post(ctx, "/v1/dev/sales", options, &made))
}

// developmentOnly explains the 404 of a development route.
func developmentOnly(err error) error {
	var refused *refusal
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return ErrNoDevelopmentRoutes
	}
	return err
}

// Existing returns a sale that exists, with its first showtime.
func (a API) Existing(ctx context.Context, saleID string) (Sale, error) {
	var sale struct {
		ShowtimeIDs        []string `json:"showtime_ids"`
		Queued             bool     `json:"queued"`
		MaxSeatsPerAccount int      `json:"max_seats_per_account"`
		State              string   `json:"state"`
	}
	if err := a.get(ctx, "/v1/sales/"+url.PathEscape(saleID), &sale); err != nil {
		return Sale{}, err
	}
	if len(sale.ShowtimeIDs) == 0 {
		return Sale{}, fmt.Errorf("sale %s has no showtime", saleID)
	}
	if sale.State != "open" {
		return Sale{}, fmt.Errorf("sale %s is %s, not open", saleID, sale.State)
	}
	var free struct{ Total int }
	if err := a.get(ctx, "/v1/showtimes/"+url.PathEscape(sale.ShowtimeIDs[0])+"/availability", &free); err != nil {
		return Sale{}, err
	}
	return Sale{SaleID: saleID, ShowtimeID: sale.ShowtimeIDs[0], Seats: free.Total, Queued: sale.Queued, MaxSeatsPerAccount: sale.MaxSeatsPerAccount}, nil
}

// LineOpen waits until the sale's line is open, at most for d.
func (a API) LineOpen(ctx context.Context, saleID string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var line struct{ State string }
	for {
		err := a.get(ctx, "/v1/queues/"+saleID, &line)
		if err == nil && line.State == "open" {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the line of %s is not open after %s (state %q, %w)", saleID, d, line.State, err)
		}
	}
}

// Ready returns an error that says what to do when the system does not answer. Just
// after its start the gateway may not let anybody through for seconds: that is waited for.
func (a API) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		err := errors.Join(a.get(ctx, "/readyz", nil), a.get(ctx, "/v1/performances?limit=1", nil))
		if err == nil {
			return nil
		}
		var refused *refusal
		if busy := errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable; busy {
			select {
			case <-time.After(200 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		return fmt.Errorf("%s is not ready: start the system with 'make up' first, or name another with BASE_URL (%w)", a.BaseURL, err)
	}
}

const readyLimit = 20 * time.Second

func (a API) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.BaseURL+path, nil)
	if err != nil {
		return err
	}
	return do(request, into)
}

func (a API) post(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.BaseURL+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return do(request, into)
}

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func do(request *http.Request, into any) error {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return &refusal{response.StatusCode, fmt.Sprintf("%s %s: %s: %.300s", request.Method, request.URL.Path, response.Status, raw)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
