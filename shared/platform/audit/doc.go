// Package audit writes down who changed what: one JSON object a line, one file per
// kind and day, on the machine's own disk, for whoever ships them elsewhere.
//
// # Life of a line
//
// Whoever changes a booking or money writes a row of the ledger in the same
// transaction; QueueOrigin lets that row name the request and the actor. Once it is
// committed, a Log reads the rows on from its cursor, appends their lines to the
// files, syncs them, and only then commits the cursor. Nothing else writes lines, so
// a full disk or a dead shipper never fails a booking: the rows wait.
//
// # Invariants
//
//   - A change that was rolled back has no line; one that was committed has one, in the
//     end, whatever is killed. Reads have none.
//   - The cursor is locked while lines are written: of many writers one writes.
//   - After a crash between file and cursor the last lines are written again, with the
//     same id. Without a crash there is one line for each id.
//   - Rows are read in the order (transaction, id), and only those of transactions that
//     are older than every open one: nothing can still appear before the cursor.
//   - A file holds whole lines only; what a crash has torn off is cut away.
package audit
