// Package arch holds the architecture to its word: its tests fail when a
// package imports what the table in ARCHITECTURE.md does not let it import, or
// does not import what the table lets it, when a package is missing there, when
// a package that must be pure is not, when a package has no package comment, and
// when a public package would bring a third-party module to the program that
// uses it.
//
// The table is the single source of these rules; the tests read it. The rules
// have tests themselves, on small trees in which one thing is wrong.
//
// The package has no code outside its tests.
package arch
