// Package text is how text from outside is normalised, once, at the door that it comes
// in by: the same word is then the same bytes wherever it is compared, searched, counted
// or kept, however a keyboard or another program composed it.
//
//	Line      a name or any text of one line; what cannot be seen is refused
//	Note      a text somebody wrote, of one or more lines
//	Query     what somebody searches for; what cannot be seen is dropped
//	Token     an id or a key that a program hands back: printable ASCII
//	Email     an address as it is stored and compared
//	Password  what is hashed, and PasswordForms what to try at an older hash
//
// Normalised is always NFC: composed, and nothing but composed. NFKC would make other
// texts of names ("㈜" becomes "(주)").
package text
