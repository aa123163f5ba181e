"""Speed and quality, measured: `make bench`, or `python -m benchmarks [NAME...]`."""
