"""The tests: a package, so that a suite imports what another one has by its full name."""
