"""Oracles: pure models that say from times and counts alone what a gateway did, or should have done."""
