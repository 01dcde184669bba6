"""Toxiproxy, ours and the real one: an engine that speaks its API and shapes its traffic, and one client for both."""
