// Package prepare makes what a load run needs through the development-only routes
// of the booking API: many accounts at once, and a sale of its own.
package prepare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// API is a running system, by the origin that browsers use.
type API struct{ BaseURL string }

// Account can log in nowhere; its token is all it has.
type Account struct {
	AccountID   string `json:"account_id"`
	AccessToken string `json:"access_token"`
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

// Sale is what was made.
type Sale struct {
	SaleID     string `json:"sale_id"`
	ShowtimeID string `json:"showtime_id"`
}

const chunk = 1_000 // accounts a request

// Accounts makes count accounts and tells progress after each chunk.
func (a API) Accounts(ctx context.Context, count int, progress func(made int)) ([]Account, error) {
	all := make([]Account, 0, count)
	prefix := fmt.Sprintf("load-%d", time.Now().UnixMilli())
	for len(all) < count {
		var made struct{ Items []Account }
		ask := map[string]any{"count": min(chunk, count-len(all)), "prefix": fmt.Sprintf("%s-%d", prefix, len(all))}
		if err := a.post(ctx, "/v1/dev/accounts", ask, &made); err != nil {
			return nil, err
		}
		if len(made.Items) == 0 {
			return nil, fmt.Errorf("no accounts were made")
		}
		all = append(all, made.Items...)
		progress(len(all))
	}
	return all, nil
}

// Sale makes a hall, a performance, a showtime and a sale that is open now.
func (a API) Sale(ctx context.Context, options SaleOptions) (Sale, error) {
	var made Sale
	return made, a.post(ctx, "/v1/dev/sales", options, &made)
}

// LineOpen waits until the sale's line is open, at most for d.
func (a API) LineOpen(ctx context.Context, saleID string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		var line struct{ State string }
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

// Ready returns an error that says what to do when the system does not answer.
func (a API) Ready(ctx context.Context) error {
	if err := a.get(ctx, "/readyz", nil); err != nil {
		return fmt.Errorf("%s is not ready: start the system with 'make up' first (%w)", a.BaseURL, err)
	}
	return nil
}

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
		return fmt.Errorf("%s %s: %s: %.300s", request.Method, request.URL.Path, response.Status, raw)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
