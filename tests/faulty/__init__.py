"""Gateways with one fault each, and the matrix that shows which check sees which."""
