"""Truth to scores."""
