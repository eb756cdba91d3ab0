"""The routes, by subject.

Each module lists the rules of its routes, with the right that each needs; `app` puts them together.
"""
