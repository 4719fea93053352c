"""The platform's bot: what the operators must hear, from the event bus to Slack and Teams."""
