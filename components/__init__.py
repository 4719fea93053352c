"""The components of the stack, one noun a file."""
