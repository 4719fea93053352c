"""Strategies tried on recorded prices."""
