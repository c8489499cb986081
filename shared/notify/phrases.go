package notify

import (
	"github.com/fairgate/fairgate/shared/locale"
	"github.com/fairgate/fairgate/shared/money"
)

// phrases is one language.
type phrases struct {
	lang      string
	greeting  string // with the name
	templates map[Template]wording

	performance, venue, startsAt, amount, number, refund, seat, seats, price, footer string

	says locale.Locale // dates, times and seats
	won  func(money.KRW) string
}

// wording is what one template says.
type wording struct {
	subject string // with the performance's title
	body    string
	button  string
	tone    string
}

const (
	toneGood  = "#0b6e4f"
	toneCalm  = "#374151"
	tonePlain = "#8a5a00"
)

// phrasesOf returns the language of a locale, Korean unless it is English.
func phrasesOf(locale string) phrases {
	if locale == "en" {
		return english()
	}
	return korean()
}

func korean() phrases {
	return phrases{
		lang: "ko", greeting: "%s님, 안녕하세요.",
		performance: "공연", venue: "장소", startsAt: "일시", amount: "결제 금액", number: "주문 번호", refund: "환불 금액",
		seat: "좌석", seats: "좌석", price: "가격",
		footer: "이 메일은 예매 안내를 위해 발송되었습니다. Fairgate",
		says:   locale.For("ko"),
		won:    func(k money.KRW) string { return k.String() + "원" },
		templates: map[Template]wording{
			BookingConfirmed: {"[예매 완료] %s", "예매가 확정되었습니다. 좌석과 티켓 번호는 내 예매에서 보실 수 있습니다.", "예매 내역 보기", toneGood},
			BookingCancelled: {"[예매 취소] %s", "예매가 취소되었습니다. 결제하신 금액이 있으면 결제 수단으로 환불됩니다.", "예매 내역 보기", toneCalm},
			BookingExpired:   {"[예매 만료] %s", "결제 시간이 지나 예매가 만료되었습니다. 좌석은 다시 판매됩니다.", "예매 내역 보기", tonePlain},
			PaymentRefunded:  {"[환불 완료] %s", "결제가 늦게 도착하여 예매를 확정하지 못했습니다. 결제하신 금액은 결제 수단으로 환불되었습니다.", "예매 내역 보기", toneCalm},
		},
	}
}

func english() phrases {
	return phrases{
		lang: "en", greeting: "Hello %s,",
		performance: "Performance", venue: "Venue", startsAt: "Starts", amount: "Amount", number: "Order", refund: "Refund",
		seat: "Seat", seats: "Seats", price: "Price",
		footer: "You receive this mail because of your booking. Fairgate",
		says:   locale.For("en"),
		won:    func(k money.KRW) string { return "₩" + k.String() },
		templates: map[Template]wording{
			BookingConfirmed: {"Booking confirmed: %s", "Your booking is confirmed. Your seats and ticket numbers are under My bookings.", "My bookings", toneGood},
			BookingCancelled: {"Booking cancelled: %s", "Your booking is cancelled. Anything you paid goes back the way it came.", "My bookings", toneCalm},
			PaymentRefunded:  {"Refunded: %s", "Your payment arrived too late to keep the booking. It has gone back the way it came.", "My bookings", toneCalm},
			BookingExpired:   {"Booking expired: %s", "The time to pay has passed and the booking has expired. Its seats are on sale again.", "My bookings", tonePlain},
		},
	}
}

// seatsTitle says over n seats what they are.
func (p phrases) seatsTitle(n int) string {
	if n == 1 {
		return p.seat
	}
	return p.seats
}
