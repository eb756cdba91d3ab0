"""What each method of the local protocol does, one module for each group of methods."""
