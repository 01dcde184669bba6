"""The run folder: the only bridge between making a run and reading it."""
