"""What the field's checkers say of the objects and of the repository's files."""
