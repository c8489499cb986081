package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
)

type refundDecisionInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Note string `json:"note" text:"note" minLength:"1" maxLength:"500" doc:"Why; kept in the ledger with who decided." example:"paid by bank transfer, receipt 4711"`
	}
}

type refundDecisionOutput struct {
	Cache string `header:"Cache-Control"`
	Body  struct {
		BookingID    string   `json:"booking_id"`
		BookingState string   `json:"booking_state" example:"cancelled"`
		Refunds      []Refund `json:"refunds"`
	}
}

func (a *api) operatorRoutes() {
	decision := func(id, path, summary, description string) route {
		return route{account: true, fails: []*errs.Error{booking.ErrRefundNotFound, booking.ErrRefundNotRejected}, Operation: huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Tags: []string{"operators"}, Summary: summary,
			Description: description + " Only for administrators. 404 `refund_not_found`, 409 `refund_not_rejected`.",
			Middlewares: huma.Middlewares{a.requireAdmin},
		}}
	}
	add(a, decision("retry-refund", "/v1/admin/refunds/{id}/retry", "Send a rejected refund again",
		"The payment provider refused it; it is sent once more, as a new request."), a.decide(a.Bookings.RetryRefund))
	add(a, decision("settle-refund", "/v1/admin/refunds/{id}/settle", "Book a rejected refund as done",
		"The fan was given the money in another way. The seats return to the sale."), a.decide(a.Bookings.SettleRefund))
}

func (a *api) decide(do func(context.Context, booking.OperatorCommand) (booking.Booking, error)) func(context.Context, *refundDecisionInput) (*refundDecisionOutput, error) {
	return func(ctx context.Context, in *refundDecisionInput) (*refundDecisionOutput, error) {
		by := of(ctx).caller.ID
		b, err := do(ctx, booking.OperatorCommand{RefundID: in.ID, By: by, Note: in.Body.Note})
		if err != nil {
			return nil, err
		}
		a.Log.InfoContext(ctx, "an operator decided about a refund", "refund", in.ID, "booking", b.ID, "state", b.State, "by", by)
		out := &refundDecisionOutput{Cache: "no-store"}
		out.Body.BookingID, out.Body.BookingState = b.ID, string(b.State)
		out.Body.Refunds = refundsOf(b)
		return out, nil
	}
}

// requireAdmin lets only administrators pass; it comes after requireAccount.
func (a *api) requireAdmin(ctx huma.Context, next func(huma.Context)) {
	if of(ctx.Context()).caller.Role != account.Admin {
		a.refuse(ctx, errs.ErrForbidden)
		return
	}
	next(ctx)
}
