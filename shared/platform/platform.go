// Package platform is the ground the nouns and services stand on: configuration,
// logging, HTTP, databases, brokers. It knows no noun.
package platform
