"""Rate limits: exact models of the six usual algorithms, and what can be proven of a gateway's own from outside."""
