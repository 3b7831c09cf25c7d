"""Shapes of what comes in and goes out. Those of facts are made from the layout's tables, never written by hand."""
