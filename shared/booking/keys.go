package booking

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// confirmKey is the idempotency key of the n-th try with a payment key for a payment of
// ours. The body is not part of what the provider compares, so the key must name both: a
// stranger who presents somebody's payment key for an order of their own is refused, and
// that answer must not be replayed to whose key it is.
func confirmKey(paymentID, paymentKey string, n int) string {
	sum := sha256.Sum256([]byte(paymentID + " " + paymentKey))
	return fmt.Sprintf("confirm:%s:%d", hex.EncodeToString(sum[:])[:16], n)
}

// refundKey is the idempotency key of the n-th try of a refund.
func refundKey(refundID string, n int) string { return fmt.Sprintf("refund:%s:%d", refundID, n) }

const maxCancelReason = 200 // characters

// markedReason is what the provider stores as the reason of a cancel: it ends in the
// refund's id, by which the cancel is recognised when its answer was lost.
func markedReason(refund Refund) string {
	mark := " [" + refund.ID + "]"
	reason := []rune(refund.Reason)
	return string(reason[:min(len(reason), maxCancelReason-len(mark))]) + mark
}

// findCancel returns the cancel that was made for the refund.
func findCancel(cancels []ProviderCancel, refundID string) (ProviderCancel, bool) {
	for _, cancel := range cancels {
		if strings.HasSuffix(cancel.Reason, "["+refundID+"]") {
			return cancel, true
		}
	}
	return ProviderCancel{}, false
}

// RefundMark returns the refund id at the end of a cancel's reason, empty if the
// cancel was made by somebody else.
func RefundMark(reason string) string {
	open := strings.LastIndexByte(reason, '[')
	if open < 0 || !strings.HasSuffix(reason, "]") || !strings.HasPrefix(reason[open+1:], "rfd-") {
		return ""
	}
	return reason[open+1 : len(reason)-1]
}
