// Package acceptance holds the HTTP contract against a running system, from the
// outside: it imports nothing of the product and knows only its addresses.
//
//	FAIRGATE_URL=http://127.0.0.1:8080 FAIRGATE_SIM_URL=http://127.0.0.1:8090 \
//	FAIRGATE_CATCHER_URL=http://127.0.0.1:8025 go test -tags acceptance ./deploy/acceptance
//
// The tests run side by side, each on accounts and sales of its own, made by the
// development-only routes. Only those that make the payment simulator misbehave
// share something: they are one test, which runs alone.
package acceptance
