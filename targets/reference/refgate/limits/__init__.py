"""Rate limits: the algorithms, each in a file of its own as Python and as the Lua that Redis runs, and where they count."""
