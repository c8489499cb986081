// Package docker holds the image of all programs, its health check, and the test
// of docker-compose.yml.
package docker
