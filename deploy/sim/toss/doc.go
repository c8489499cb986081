// Package toss simulates the Toss Payments API, version 1, for development and
// tests: the endpoints, fields, error codes, idempotency rules and time windows
// that the real one documents, a payment window that a person can click, and
// switches for the faults that a shop must survive.
//
// A payment's life: READY (window opened) → IN_PROGRESS (the buyer approved;
// ten minutes to confirm) → DONE (captured by the shop's confirm) →
// PARTIAL_CANCELED / CANCELED. Refused payments are ABORTED, forgotten ones
// EXPIRED. Only a confirm moves money.
//
// Not simulated: virtual accounts, billing keys, overseas methods.
package toss
