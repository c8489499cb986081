package booking

import "context"

// OperatorCommand is what a person decides about a refund that the provider has
// rejected. The note says why; it is kept in the ledger with who it was.
type OperatorCommand struct {
	RefundID string
	By       string // the operator's account
	Note     string
}

// RetryRefund sends a rejected refund again, as a new request to the provider; it
// fails with ErrRefundNotFound or ErrRefundNotRejected.
func (s *Service) RetryRefund(ctx context.Context, command OperatorCommand) (Booking, error) {
	return s.store.RetryRefund(ctx, command)
}

// SettleRefund books a rejected refund as done, because the fan was given the money in
// another way; it fails as RetryRefund does. The seats return.
func (s *Service) SettleRefund(ctx context.Context, command OperatorCommand) (Booking, error) {
	settled, err := s.store.SettleRefund(ctx, command)
	if err != nil {
		return Booking{}, err
	}
	s.announce(ctx, settled)
	return settled.Booking, nil
}
