"""The reference services with real data services and a browser."""
