// Package traced tests that one purchase is one trace through all services: they run
// in this process, on the real backends, and send their spans to a receiver beside
// them.
package traced
