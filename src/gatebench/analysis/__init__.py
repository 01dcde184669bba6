"""The wing that reads runs: tables, metrics, checks, verdict. Whatever it knows of a run it knows from its folder."""
