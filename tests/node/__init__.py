"""The embedded cluster's node, with real pods."""
