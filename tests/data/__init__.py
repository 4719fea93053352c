"""Rules, dashboards, runbooks and configurations, each judged by the tool that reads it."""
