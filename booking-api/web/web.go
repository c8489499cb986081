// Package web is the storefront: server-rendered pages with plain browser
// modules, one stylesheet and no request to another host.
package web

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/queue"
)

// Filter narrows the list of performances. Zero fields do not filter.
type Filter struct {
	Category string
	Query    string // in title, venue or performer
	Cursor   string // from an earlier answer
	Limit    int
}

// Source is what the pages show; catalogue errors become error pages.
type Source interface {
	// Performances returns one page of the list, soonest first, and the cursor of
	// the next ("" at the end).
	Performances(ctx context.Context, filter Filter) (items []catalogue.Performance, next string, err error)
	// Categories that have performances.
	Categories(ctx context.Context) ([]string, error)
	Performance(ctx context.Context, id string) (catalogue.Performance, error)
	// Showtimes of a performance in order of time.
	Showtimes(ctx context.Context, performanceID string) ([]catalogue.Showtime, error)
	Sale(ctx context.Context, id string) (catalogue.Sale, error)
	// LineState is how the line of a queued sale stands for its fans, asked while a page
	// waits: an error when nobody can say in that time.
	LineState(ctx context.Context, saleID string) (queue.State, error)
}

// Accounts are who logs in, by the forms that a browser sends without JavaScript.
// Each sets or clears this browser's cookies on c, and refuses what another site may
// have sent (errs.ErrForbidden).
type Accounts interface {
	// LogIn: account.ErrInvalidCredentials, errs.ErrRateLimited.
	LogIn(c *fiber.Ctx, email, password string) error
	// SignUp also logs in: errs.ErrValidationFailed with the fields as "body.email",
	// account.ErrEmailTaken, errs.ErrRateLimited.
	SignUp(c *fiber.Ctx, n account.NewAccount) error
	LogOut(c *fiber.Ctx) error
	// Delete deletes the account of this browser: account.ErrWrongPassword,
	// errs.ErrRateLimited; of kind Unauthenticated when nobody is logged in.
	Delete(c *fiber.Ctx, password string) error
}

// Options of the pages.
type Options struct {
	Source   Source
	Accounts Accounts
	Now      func() time.Time
	// PaymentScriptOrigin is the origin of the payment provider's script, allowed
	// on the pay page; empty when the payment window is a page of its own.
	PaymentScriptOrigin string
}
