"""A stand-in for the original server: part 1 of the wire protocol, with the faults it tells of."""
