// Package notifyredis rings the bells of fans' inboxes over Redis pub/sub.
package notifyredis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/redisx"
)

// Bell is a notify.Bell. Run must run where somebody listens.
type Bell struct{ *redisx.Bell }

// NewBell returns a bell on client, with prefix before its channel's name.
func NewBell(client redis.UniversalClient, prefix string) *Bell {
	return &Bell{redisx.NewBell(client, prefix+"inbox")}
}

// Listen returns a channel that receives after each ring for the account until ctx
// ends, which closes it.
func (b *Bell) Listen(ctx context.Context, accountID string) (<-chan struct{}, error) {
	rings, stop := b.Bell.Listen(accountID)
	context.AfterFunc(ctx, guard.Func("inbox", stop))
	return rings, nil
}
