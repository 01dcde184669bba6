"""One gateway a module: its first line says what it does wrong, and `spoil` makes the reference gateway do it."""
