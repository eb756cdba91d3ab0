"""Tests, benchmarks, screenshots and the fixtures that they share."""
