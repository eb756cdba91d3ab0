"""Tests of the ports and their adapters."""
