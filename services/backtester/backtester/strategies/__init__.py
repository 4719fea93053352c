"""One strategy a module: ``positions(closes)`` gives the wanted position (0 or 1) after each close."""
