// Package stack starts and stops everything Fairgate needs on one Linux machine:
// private Postgres, Redis and RabbitMQ, then the services and the simulators.
//
// A stack is known by its port base and its folder. It keeps everything in the
// folder: pid/ (one file a process), log/, data/. So two stacks with different
// port bases run side by side, and "up" finds what an earlier "up" left running.
//
// The backends come from Debian packages, installed when missing, or from
// docker-compose.yml when a Docker engine answers. Nothing else is needed but Go:
// this package and its command import the standard library only.
package stack
