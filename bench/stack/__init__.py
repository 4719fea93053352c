"""The running local stack: how long signals take, and what it needs of the machine."""
