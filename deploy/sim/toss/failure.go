package toss

import "net/http"

// apiError is an error answer of the API: {"code", "message"} under a status.
type apiError struct {
	status int
	Code   string `json:"code"`
	Text   string `json:"message"`
}

func (e *apiError) Error() string { return e.Code }

// fail returns the error with that code and the status Toss answers it with.
func fail(code string) *apiError {
	status, known := statuses[code]
	if !known {
		status = http.StatusBadRequest
	}
	text, known := messages[code]
	if !known {
		text = "요청을 처리할 수 없습니다."
	}
	return &apiError{status: status, Code: code, Text: text}
}

var statuses = map[string]int{
	"UNAUTHORIZED_KEY":                           http.StatusUnauthorized,
	"INCORRECT_BASIC_AUTH_FORMAT":                http.StatusForbidden,
	"REJECT_CARD_PAYMENT":                        http.StatusForbidden,
	"REJECT_CARD_COMPANY":                        http.StatusForbidden,
	"REJECT_ACCOUNT_PAYMENT":                     http.StatusForbidden,
	"FORBIDDEN_REQUEST":                          http.StatusForbidden,
	"EXCEED_MAX_AUTH_COUNT":                      http.StatusForbidden,
	"INVALID_PASSWORD":                           http.StatusForbidden,
	"NOT_AVAILABLE_BANK":                         http.StatusForbidden,
	"FDS_ERROR":                                  http.StatusForbidden,
	"NOT_CANCELABLE_AMOUNT":                      http.StatusForbidden,
	"NOT_CANCELABLE_PAYMENT":                     http.StatusForbidden,
	"FORBIDDEN_CONSECUTIVE_REQUEST":              http.StatusForbidden,
	"EXCEED_MAX_REFUND_DUE":                      http.StatusForbidden,
	"NOT_ALLOWED_PARTIAL_REFUND":                 http.StatusForbidden,
	"NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT": http.StatusForbidden,
	"EXCEED_CANCEL_LIMIT":                        http.StatusForbidden,
	"NOT_FOUND":                                  http.StatusNotFound,
	"NOT_FOUND_PAYMENT":                          http.StatusNotFound,
	"NOT_FOUND_PAYMENT_SESSION":                  http.StatusNotFound,
	"IDEMPOTENT_REQUEST_PROCESSING":              http.StatusConflict,
	"FAILED_INTERNAL_SYSTEM_PROCESSING":          http.StatusInternalServerError,
	"FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING":  http.StatusInternalServerError,
	"UNKNOWN_PAYMENT_ERROR":                      http.StatusInternalServerError,
	"FAILED_REFUND_PROCESS":                      http.StatusInternalServerError,
	"FAILED_PARTIAL_REFUND":                      http.StatusInternalServerError,
	"FAILED_METHOD_HANDLING_CANCEL":              http.StatusInternalServerError,
	"COMMON_ERROR":                               http.StatusInternalServerError,
}

var messages = map[string]string{
	"UNAUTHORIZED_KEY":                  "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.",
	"INCORRECT_BASIC_AUTH_FORMAT":       "잘못된 요청입니다. ':' 를 포함해 인코딩해주세요.",
	"INVALID_REQUEST":                   "잘못된 요청입니다.",
	"INVALID_IDEMPOTENCY_KEY":           "멱등키는 300자 이하여야 합니다.",
	"IDEMPOTENT_REQUEST_PROCESSING":     "이전 멱등 요청이 처리중입니다.",
	"ALREADY_PROCESSED_PAYMENT":         "이미 처리된 결제 입니다.",
	"ALREADY_CANCELED_PAYMENT":          "이미 취소된 결제 입니다.",
	"BELOW_MINIMUM_AMOUNT":              "신용카드는 결제금액이 100원 이상, 계좌는 200원이상부터 결제가 가능합니다.",
	"REJECT_CARD_PAYMENT":               "한도초과 혹은 잔액부족으로 결제에 실패했습니다.",
	"REJECT_CARD_COMPANY":               "결제 승인이 거절되었습니다.",
	"NOT_FOUND":                         "존재하지 않는 정보 입니다.",
	"NOT_FOUND_PAYMENT":                 "존재하지 않는 결제 정보 입니다.",
	"NOT_FOUND_PAYMENT_SESSION":         "결제 시간이 만료되어 결제 진행 데이터가 존재하지 않습니다.",
	"NOT_CANCELABLE_AMOUNT":             "취소 할 수 없는 금액 입니다.",
	"NOT_CANCELABLE_PAYMENT":            "취소 할 수 없는 결제 입니다.",
	"NOT_MATCHES_REFUNDABLE_AMOUNT":     "잔액 결과가 일치하지 않습니다.",
	"FAILED_INTERNAL_SYSTEM_PROCESSING": "내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요.",
	"UNKNOWN_PAYMENT_ERROR":             "결제에 실패했어요. 같은 문제가 반복된다면 은행이나 카드사로 문의해주세요.",
}
