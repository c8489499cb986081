// Package notify tells people what happened: mail, posts to the operators'
// Slack, and the fan's inbox with its live feed.
//
// # Life of a mail or a post
//
// pending → sending → sent. A courier takes a lease on the row before it sends
// and marks the row afterwards. If it dies in between, the lease lapses and the
// next one sends again under the same Message-ID: at least once, with one
// identity per (channel, template, entity, recipient).
//
// # Life of a notification
//
// It is stored once per (account, kind, entity), then the account's bell is
// rung. The bell carries nothing: whoever hears it reads the store, so a bell
// that is lost costs time and never a notification.
package notify
