"""Models and detectors that know what is right: pure functions of arrays, tested exactly, that metrics ask."""
