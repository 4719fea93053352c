"""Every signal and alert on a running stack."""
