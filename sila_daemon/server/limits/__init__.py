"""What the server lets clients ask of it.

Fixed sizes and counts, token buckets for what comes in a time, and a budget for what waits in
memory. Nothing here knows users or spaces; whoever counts says what is counted.
"""
