"""The screens: each puts widgets together, asks the daemon, and hands the answers down."""
