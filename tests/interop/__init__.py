"""The original's own code, run in node, against ours."""
