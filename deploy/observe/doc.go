// Package observe tests what Fairgate is watched with: that rules, dashboards and the
// table of metrics say the same as the running services (build tag acceptance), and
// that an alert reaches its channel (build tag observe). Without a tag it tests what
// the files alone tell.
package observe
