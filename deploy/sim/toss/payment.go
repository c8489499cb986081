package toss

import "time"

// The states of a payment, as Toss names them.
const (
	StatusReady           = "READY"
	StatusInProgress      = "IN_PROGRESS"
	StatusDone            = "DONE"
	StatusCanceled        = "CANCELED"
	StatusPartialCanceled = "PARTIAL_CANCELED"
	StatusAborted         = "ABORTED"
	StatusExpired         = "EXPIRED"
)

// How long a payment waits for its buyer, and then for the shop's confirm.
const (
	readyWindow   = 30 * time.Minute
	confirmWindow = 10 * time.Minute
)

const (
	minimumAmount   = 100 // KRW, by card
	timeLayout      = "2006-01-02T15:04:05-07:00"
	merchantID      = "fairgate_sim"
	objectVersion   = "2022-11-16"
	defaultMethod   = "카드"
	transactionSize = 12
)

var seoul = time.FixedZone("KST", 9*60*60)

// Payment is Toss's Payment object. Objects of methods that were not used are null.
type Payment struct {
	Version             string    `json:"version"`
	PaymentKey          string    `json:"paymentKey"`
	LastTransactionKey  *string   `json:"lastTransactionKey"`
	Type                string    `json:"type"`
	OrderID             string    `json:"orderId"`
	OrderName           string    `json:"orderName"`
	MID                 string    `json:"mId"`
	Currency            string    `json:"currency"`
	Method              string    `json:"method"`
	TotalAmount         int64     `json:"totalAmount"`
	BalanceAmount       int64     `json:"balanceAmount"`
	SuppliedAmount      int64     `json:"suppliedAmount"`
	VAT                 int64     `json:"vat"`
	TaxFreeAmount       int64     `json:"taxFreeAmount"`
	TaxExemptionAmount  int64     `json:"taxExemptionAmount"`
	Status              string    `json:"status"`
	RequestedAt         string    `json:"requestedAt"`
	ApprovedAt          *string   `json:"approvedAt"`
	UseEscrow           bool      `json:"useEscrow"`
	CultureExpense      bool      `json:"cultureExpense"`
	IsPartialCancelable bool      `json:"isPartialCancelable"`
	Cancels             []Cancel  `json:"cancels"`
	Card                *Card     `json:"card"`
	VirtualAccount      *struct{} `json:"virtualAccount"`
	Transfer            *struct{} `json:"transfer"`
	MobilePhone         *struct{} `json:"mobilePhone"`
	GiftCertificate     *struct{} `json:"giftCertificate"`
	EasyPay             *struct{} `json:"easyPay"`
	Receipt             *Link     `json:"receipt"`
	Checkout            *Link     `json:"checkout"`
	CashReceipt         *struct{} `json:"cashReceipt"`
	CashReceipts        *struct{} `json:"cashReceipts"`
	Discount            *struct{} `json:"discount"`
	Country             string    `json:"country"`
	Failure             *Failure  `json:"failure"`
	Secret              *string   `json:"secret"`
	Metadata            *struct{} `json:"metadata"`
}

// Card is the card part of a payment.
type Card struct {
	Amount                int64   `json:"amount"`
	IssuerCode            string  `json:"issuerCode"`
	AcquirerCode          string  `json:"acquirerCode"`
	Number                string  `json:"number"`
	InstallmentPlanMonths int     `json:"installmentPlanMonths"`
	ApproveNo             string  `json:"approveNo"`
	UseCardPoint          bool    `json:"useCardPoint"`
	CardType              string  `json:"cardType"`
	OwnerType             string  `json:"ownerType"`
	AcquireStatus         string  `json:"acquireStatus"`
	IsInterestFree        bool    `json:"isInterestFree"`
	InterestPayer         *string `json:"interestPayer"`
}

// Cancel is one cancellation, full or partial.
type Cancel struct {
	TransactionKey        string  `json:"transactionKey"`
	CancelAmount          int64   `json:"cancelAmount"`
	CancelReason          string  `json:"cancelReason"`
	RefundableAmount      int64   `json:"refundableAmount"`
	CanceledAt            string  `json:"canceledAt"`
	TaxFreeAmount         int64   `json:"taxFreeAmount"`
	TaxExemptionAmount    int64   `json:"taxExemptionAmount"`
	EasyPayDiscountAmount int64   `json:"easyPayDiscountAmount"`
	ReceiptKey            *string `json:"receiptKey"`
	CancelStatus          string  `json:"cancelStatus"`
	CancelRequestID       *string `json:"cancelRequestId"`
}

// Link is a page at the provider.
type Link struct {
	URL string `json:"url"`
}

// Failure says why a payment was aborted or expired.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// record is a payment with what only the simulator knows of it.
type record struct {
	Payment  Payment   `json:"payment"`
	Since    time.Time `json:"since"`    // entered its status
	Approved bool      `json:"approved"` // the buyer approved in the window
	Confirms int       `json:"confirms"` // confirm requests that reached the payment, replays not counted
	Cancels  int       `json:"cancels"`  // cancellations that moved money
}

func newRecord(key, orderID, orderName, method string, amount int64, now time.Time) *record {
	if method == "" {
		method = defaultMethod
	}
	vat := amount / 11
	return &record{Since: now, Payment: Payment{
		Version: objectVersion, PaymentKey: key, Type: "NORMAL", OrderID: orderID, OrderName: orderName,
		MID: merchantID, Currency: "KRW", Method: method, TotalAmount: amount, BalanceAmount: amount,
		SuppliedAmount: amount - vat, VAT: vat, Status: StatusReady, RequestedAt: stamp(now),
		IsPartialCancelable: true, Country: "KR",
	}}
}

func (r *record) moveTo(status string, now time.Time) {
	r.Payment.Status = status
	r.Since = now
}

func (r *record) captured() bool {
	switch r.Payment.Status {
	case StatusDone, StatusPartialCanceled, StatusCanceled:
		return r.Payment.ApprovedAt != nil
	}
	return false
}

// expire moves a payment whose window has passed; it reports whether it did.
func (r *record) expire(now time.Time) bool {
	window := map[string]time.Duration{StatusReady: readyWindow, StatusInProgress: confirmWindow}[r.Payment.Status]
	if window == 0 || now.Sub(r.Since) < window {
		return false
	}
	r.moveTo(StatusExpired, now)
	r.Payment.Failure = &Failure{"NOT_FOUND_PAYMENT_SESSION", messages["NOT_FOUND_PAYMENT_SESSION"]}
	return true
}

func (r *record) capture(transaction, approveNo string, now time.Time) {
	approved := stamp(now)
	r.moveTo(StatusDone, now)
	r.Payment.ApprovedAt = &approved
	r.Payment.LastTransactionKey = &transaction
	r.Payment.Receipt = &Link{"https://dashboard.tosspayments.com/receipt/" + r.Payment.PaymentKey}
	if r.Payment.Method == defaultMethod {
		r.Payment.Card = &Card{
			Amount: r.Payment.TotalAmount, IssuerCode: "61", AcquirerCode: "31", Number: "12345678****000*",
			ApproveNo: approveNo, CardType: "신용", OwnerType: "개인", AcquireStatus: "READY",
		}
	}
}

func (r *record) cancel(amount int64, reason, transaction string, now time.Time) {
	r.Payment.BalanceAmount -= amount
	r.Payment.LastTransactionKey = &transaction
	r.Payment.Cancels = append(r.Payment.Cancels, Cancel{
		TransactionKey: transaction, CancelAmount: amount, CancelReason: reason,
		RefundableAmount: r.Payment.BalanceAmount, CanceledAt: stamp(now), CancelStatus: "DONE",
	})
	r.Cancels++
	if r.Payment.BalanceAmount == 0 {
		r.moveTo(StatusCanceled, now)
	} else {
		r.moveTo(StatusPartialCanceled, now)
	}
}

func stamp(t time.Time) string { return t.In(seoul).Format(timeLayout) }
