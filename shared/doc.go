// Package shared is the business of Fairgate, one folder per noun.
//
// Only four rooms exist here:
//
//   - ring 0, the vocabulary: errs, clock, ident, locale, money, event, guard, text (standard library only, and the
//     tables of Unicode for text);
//   - the nouns: queue, booking, catalogue, account, notify, … with their adapters inside them;
//   - platform: databases, brokers, HTTP, configuration; it knows no noun;
//   - schema: the database's migrations.
//
// The import rules are tested in deploy/arch.
package shared
