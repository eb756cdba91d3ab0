"""What it costs, as ratios in one run: `make bench`."""
