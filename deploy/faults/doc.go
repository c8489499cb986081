// Package faults sells out halls while parts of a real system die, stop and
// misbehave, and then proves from outside that nothing was lost and nothing was sold
// twice: two gateways, two APIs and two workers behind HAProxy, with every road to
// Redis, Postgres, RabbitMQ and the payment provider through a proxy that can spoil
// it. Run it with "make test-faults"; FAULTS_SEED repeats the random choices of a run.
package faults
