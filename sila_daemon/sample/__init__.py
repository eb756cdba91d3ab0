"""A small real space to look around in: for the demo, the screenshots and first steps."""
