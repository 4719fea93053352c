"""Set-up, the embedded cluster and what ``make`` starts."""
