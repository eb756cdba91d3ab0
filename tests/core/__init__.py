"""Tests of the core: one module for each of its modules, and the oracle it is held against."""
