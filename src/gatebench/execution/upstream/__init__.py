"""Simulated LLM providers: the measuring instruments behind a gateway, which stamp every answer and keep a ledger."""
