"""Images as a real Docker engine builds them."""
