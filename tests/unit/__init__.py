"""The program and its settings against a recording engine."""
