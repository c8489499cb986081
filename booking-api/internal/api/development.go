package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/queue"
)

const (
	developmentPassword           = "Fairgate-dev-1" // of all accounts made here
	developmentPrice    money.KRW = 10_000
)

type devAccountsInput struct {
	Body struct {
		Count  int    `json:"count" minimum:"1" maximum:"100000" example:"500"`
		Prefix string `json:"prefix" pattern:"^[a-z0-9-]{1,40}$" doc:"E-mails are <prefix>-<n>@load.fairgate.test." example:"run1"`
	}
}

// DevAccount is an account made for a load run.
type DevAccount struct {
	ID          string `json:"account_id"`
	Email       string `json:"email"`
	AccessToken string `json:"access_token"`
}

type devAccountsOutput struct {
	Body struct {
		Password string       `json:"password" doc:"Of all of them."`
		Items    []DevAccount `json:"items"`
	}
}

type devSaleInput struct {
	Body struct {
		Seats              int        `json:"seats" minimum:"1" maximum:"100000" example:"100"`
		Queued             *bool      `json:"queued,omitempty" doc:"true when absent."`
		Capacity           int        `json:"capacity,omitempty" minimum:"0" maximum:"1000000" default:"500"`
		RatePerMinute      int        `json:"rate_per_minute,omitempty" minimum:"0" maximum:"600000" default:"3000"`
		SessionSeconds     int        `json:"session_seconds,omitempty" minimum:"0" maximum:"86400" default:"300"`
		HoldSeconds        int        `json:"hold_seconds,omitempty" minimum:"0" maximum:"3600" default:"300"`
		MaxSeatsPerAccount int        `json:"max_seats_per_account,omitempty" minimum:"0" maximum:"100000" default:"4"`
		Price              *money.KRW `json:"price,omitempty" minimum:"0" maximum:"1099511627776" doc:"KRW, of every grade; 10000 when absent, 0 needs no payment."`
	}
}

type devSaleOutput struct {
	Body struct {
		SaleID        string `json:"sale_id"`
		ShowtimeID    string `json:"showtime_id"`
		PerformanceID string `json:"performance_id"`
	}
}

func (a *api) developmentRoutes() {
	add(a, route{Operation: huma.Operation{
		OperationID: "create-development-accounts", Method: http.MethodPost, Path: "/v1/dev/accounts", Tags: []string{"development"},
		Summary: "Make many accounts", Description: "For load runs, only where ENV is development or test. They share one password; each comes with an access token. " +
			"409 `email_taken` when the prefix was used before.",
		DefaultStatus: http.StatusCreated,
	}, fails: []*errs.Error{account.ErrEmailTaken}}, a.createDevAccounts)
	add(a, route{Operation: huma.Operation{
		OperationID: "create-development-sale", Method: http.MethodPost, Path: "/v1/dev/sales", Tags: []string{"development"},
		Summary: "Make a sale with its own hall", Description: "For load runs, only where ENV is development or test. One showtime, open at once; " +
			"a queued sale's line opens when the worker has seen it, within a second or two.",
		DefaultStatus: http.StatusCreated,
	}}, a.createDevSale)
}

func (a *api) createDevAccounts(ctx context.Context, in *devAccountsInput) (*devAccountsOutput, error) {
	hash, err := a.Development.Hash(developmentPassword)
	if err != nil {
		return nil, err
	}
	now := a.Clock.Now()
	accounts := make([]account.Account, in.Body.Count)
	for i := range accounts {
		accounts[i] = account.Account{
			ID: ident.New("acc"), Email: fmt.Sprintf("%s-%d@load.fairgate.test", in.Body.Prefix, i+1),
			Name: fmt.Sprintf("부하 %d", i+1), Role: account.Fan, Locale: "ko", CreatedAt: now,
		}
	}
	if err := a.Development.CreateAccounts(ctx, accounts, hash); err != nil {
		return nil, err
	}
	out := &devAccountsOutput{}
	out.Body.Password, out.Body.Items = developmentPassword, make([]DevAccount, len(accounts))
	for i, made := range accounts {
		token, err := a.tokens.mint(made)
		if err != nil {
			return nil, err
		}
		out.Body.Items[i] = DevAccount{ID: made.ID, Email: made.Email, AccessToken: token}
	}
	return out, nil
}

func (a *api) createDevSale(ctx context.Context, in *devSaleInput) (*devSaleOutput, error) {
	b := in.Body
	queued, price := b.Queued == nil || *b.Queued, developmentPrice
	if b.Price != nil {
		price = *b.Price
	}
	policy := queue.DefaultPolicy("x")
	policy.State, policy.Capacity, policy.RatePerMinute, policy.SessionSeconds = queue.Open, b.Capacity, b.RatePerMinute, b.SessionSeconds
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	sale, err := a.Development.CreateSale(ctx, catalogue.TestSale{
		Seats: b.Seats, Price: price, Queued: queued, MaxSeatsPerAccount: b.MaxSeatsPerAccount, HoldSeconds: b.HoldSeconds,
	})
	if err != nil {
		return nil, err
	}
	if policy.SaleID = sale.ID; queued {
		if err := a.Development.CreateLine(ctx, policy); err != nil {
			return nil, err
		}
	}
	out := &devSaleOutput{}
	out.Body.SaleID, out.Body.ShowtimeID, out.Body.PerformanceID = sale.ID, sale.ShowtimeIDs[0], sale.PerformanceID
	return out, nil
}
