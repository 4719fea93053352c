// Its work is done by what was imported before.
