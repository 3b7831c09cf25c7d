"""Paths, one file per family. A route reads the request, calls one thing, and writes the answer."""
