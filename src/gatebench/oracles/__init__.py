"""What a gateway should have done, computed from what it was given: exact models, optima, detectors. Pure functions."""
