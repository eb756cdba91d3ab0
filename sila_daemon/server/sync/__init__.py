"""Connections to spaces.

How a client asks to join, its events in order with the right that each needs, the answers, what a
connection is owed, and Socket.IO as the carrier. A simulated world uses all but the carrier.
"""
