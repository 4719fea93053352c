"""Traffic and faults for the platform: bounded in count and time, and what it began it ends."""
