"""Writes the generated parts of the reference pages, and tests that they are up to date."""
