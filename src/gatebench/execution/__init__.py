"""The wing that makes a run."""
