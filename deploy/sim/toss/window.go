package toss

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed window.html overview.html
var pages embed.FS

var templates = template.Must(template.New("").ParseFS(pages, "*.html"))

// window shows the payment window. It takes what the SDK would send: orderId,
// amount, orderName, customerName, successUrl, failUrl, clientKey.
func (s *Server) window(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	amount, err := strconv.ParseInt(query.Get("amount"), 10, 64)
	problem := ""
	switch {
	case query.Get("clientKey") != s.cfg.ClientKey:
		problem = "clientKey: INVALID_API_KEY"
	case !validOrderID(query.Get("orderId")):
		problem = "orderId: INVALID_REQUEST"
	case err != nil || amount < minimumAmount:
		problem = "amount: BELOW_MINIMUM_AMOUNT"
	case !isWebAddress(query.Get("successUrl")) || !isWebAddress(query.Get("failUrl")):
		problem = "successUrl, failUrl: INVALID_REQUEST"
	}
	view := windowView{Korean: prefersKorean(r), Problem: problem, Query: query, Amount: amount}
	if problem == "" {
		if view.Key, err = s.ledger.open(query.Get("orderId"), query.Get("orderName"), "", amount, true); err != nil {
			view.Problem = err.Error()
		}
	}
	status := http.StatusOK
	if view.Problem != "" {
		status = http.StatusBadRequest
	}
	render(w, status, "window.html", view)
}

type windowView struct {
	Korean  bool
	Problem string
	Key     string
	Amount  int64
	Query   url.Values
}

// T chooses the text in the viewer's language.
func (v windowView) T(ko, en string) string {
	if v.Korean {
		return ko
	}
	return en
}

// Price formats with thousands separators.
func (v windowView) Price() string { return thousands(v.Amount) }

func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func prefersKorean(r *http.Request) bool {
	ko := strings.Index(r.Header.Get("Accept-Language"), "ko")
	en := strings.Index(r.Header.Get("Accept-Language"), "en")
	return ko >= 0 && (en < 0 || ko < en)
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// decide sends the buyer back to the shop with what they chose.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || !isWebAddress(r.PostForm.Get("successUrl")) || !isWebAddress(r.PostForm.Get("failUrl")) {
		http.Error(w, "INVALID_REQUEST", http.StatusBadRequest)
		return
	}
	key := r.PathValue("key")
	switch r.PathValue("decision") {
	case "approve":
		payment, err := s.ledger.change(key, approve)
		if err != nil {
			sendBack(w, r, "failUrl", url.Values{"code": {"PAY_PROCESS_ABORTED"}, "message": {err.Error()}})
			return
		}
		sendBack(w, r, "successUrl", url.Values{
			"paymentType": {"NORMAL"}, "paymentKey": {key}, "orderId": {payment.OrderID},
			"amount": {strconv.FormatInt(payment.TotalAmount, 10)},
		})
	case "refuse":
		payment, err := s.ledger.change(key, refuseByCard)
		code := errorCode(err, "PAY_PROCESS_ABORTED")
		sendBack(w, r, "failUrl", url.Values{"code": {code}, "message": {messages[code]}, "orderId": {payment.OrderID}})
	default: // closing the window tells nobody but the shop's page
		sendBack(w, r, "failUrl", url.Values{"code": {"PAY_PROCESS_CANCELED"}, "message": {"사용자에 의해 결제가 취소되었습니다."}})
	}
}

func sendBack(w http.ResponseWriter, r *http.Request, field string, values url.Values) {
	target, _ := url.Parse(r.PostForm.Get(field)) // checked by decide
	query := target.Query()
	for name := range values {
		query.Set(name, values.Get(name))
	}
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// overview lists every payment for a person to read.
func (s *Server) overview(w http.ResponseWriter, _ *http.Request) {
	view := overviewView{}
	for _, r := range s.ledger.all("") {
		view.Captured += r.captureTotal()
		view.Returned += r.captureTotal() - r.balance()
		view.Rows = append(view.Rows, overviewRow{r, thousands(r.Payment.TotalAmount), thousands(r.balance())})
	}
	const newest = 500
	view.Total = len(view.Rows)
	if view.Total > newest {
		view.Rows = view.Rows[view.Total-newest:]
	}
	render(w, http.StatusOK, "overview.html", view)
}

type overviewView struct {
	Rows               []overviewRow
	Total              int
	Captured, Returned int64
}

type overviewRow struct {
	record
	Amount, Balance string
}

// Sums formats the totals.
func (v overviewView) Sums() [3]string {
	return [3]string{thousands(v.Captured), thousands(v.Returned), thousands(v.Captured - v.Returned)}
}

func (r *record) captureTotal() int64 {
	if r.captured() {
		return r.Payment.TotalAmount
	}
	return 0
}

func (r *record) balance() int64 {
	if r.captured() {
		return r.Payment.BalanceAmount
	}
	return 0
}

func render(w http.ResponseWriter, status int, name string, view any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = templates.ExecuteTemplate(w, name, view)
}
