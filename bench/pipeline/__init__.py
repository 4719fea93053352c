"""The Collectors against a bare one."""
