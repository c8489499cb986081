package toss

import (
	"encoding/json"
	"net/http"
	"time"
)

// Item is a payment as the control routes show it.
type Item struct {
	PaymentKey    string `json:"payment_key"`
	OrderID       string `json:"order_id"`
	Amount        int64  `json:"amount"`
	BalanceAmount int64  `json:"balance_amount"`
	Status        string `json:"status"`   // Toss's
	Confirms      int    `json:"confirms"` // confirm requests that reached it, replays not counted
	Cancels       int    `json:"cancels"`  // cancellations that moved money
}

type approval struct {
	OrderID string `json:"order_id"`
	Amount  int64  `json:"amount"`
	Method  string `json:"method"`
}

// simulatePayment makes a payment as if the buyer had approved it in the window.
func (s *Server) simulatePayment(w http.ResponseWriter, r *http.Request) {
	var in approval
	if err := decode(r, &in); err != nil || !validOrderID(in.OrderID) || in.Amount < 0 {
		writeJSON(w, http.StatusUnprocessableEntity, controlError("give order_id (6 to 64 of A-Z a-z 0-9 - _ =) and amount (KRW, 0 or more)"))
		return
	}
	key, err := s.ledger.open(in.OrderID, in.OrderID, in.Method, in.Amount, false)
	if err == nil {
		_, err = s.ledger.change(key, approve)
	}
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, controlError(err.Error()))
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"payment_key": key})
}

func approve(p *record, now time.Time) error {
	if p.Payment.Status != StatusReady {
		return fail("ALREADY_PROCESSED_PAYMENT")
	}
	p.Approved = true
	p.moveTo(StatusInProgress, now)
	return nil
}

func validOrderID(id string) bool {
	if len(id) < 6 || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '=') {
			return false
		}
	}
	return true
}

func (s *Server) listPayments(w http.ResponseWriter, r *http.Request) {
	items := []Item{}
	for _, p := range s.ledger.all(r.URL.Query().Get("order_id")) {
		items = append(items, Item{
			p.Payment.PaymentKey, p.Payment.OrderID, p.Payment.TotalAmount, p.Payment.BalanceAmount,
			p.Payment.Status, p.Confirms, p.Cancels,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items})
}

func (s *Server) setFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	lines := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	lines.DisallowUnknownFields()
	if err := lines.Decode(&f); err != nil {
		writeJSON(w, http.StatusBadRequest, controlError(err.Error()))
		return
	}
	for name, fault := range map[string]Fault{"confirm": f.Confirm, "cancel": f.Cancel} {
		if err := fault.validate(name); err != nil {
			writeJSON(w, http.StatusUnprocessableEntity, controlError(err.Error()))
			return
		}
	}
	s.faults.set(f)
	w.WriteHeader(http.StatusNoContent)
}

func controlError(detail string) map[string]string {
	return map[string]string{"code": "INVALID_REQUEST", "message": detail}
}
