// Package locale says dates, times, lengths, ages and seats in a language: the one
// formatter of pages, mails, posts and notifications.
//
// Times are those of the halls, in Seoul, whoever reads them; where a reader may live
// in another zone the zone is said. Browser modules get the same Words from the page
// and put them together in static/format.js and static/seatwords.js; both are held
// to testdata/said.json.
package locale
