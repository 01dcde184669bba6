"""The switches of faults, one file a layer that faults sit in."""
