"""Drills: what is taken away, and what arrives all the same."""
