"""The daemon's local database: one file per space, the fast primary layer of it."""
