"""Tests of the space folder: real files, and a disk that fails where it is told to."""
