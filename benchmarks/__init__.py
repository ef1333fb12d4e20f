"""TODO benchmarks.__init__."""
