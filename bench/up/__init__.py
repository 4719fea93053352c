"""``make up`` by its parts."""
