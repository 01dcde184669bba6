"""A run's verdict for other tools."""
