"""Everything between the client and the answer, started and ended together."""
