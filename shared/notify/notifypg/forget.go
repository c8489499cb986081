package notifypg

import (
	"context"
	"fmt"
)

// Forget empties an account's inbox. It may be repeated. That mails were sent stays
// known until PruneDeliveries: it names the account's id only.
func (s *Store) Forget(ctx context.Context, accountID string) error {
	const q = `DELETE FROM notification WHERE account_id = $1`
	if _, err := s.pool.Exec(ctx, q, accountID); err != nil {
		return fmt.Errorf("notifypg: forget: %w", err)
	}
	return nil
}
