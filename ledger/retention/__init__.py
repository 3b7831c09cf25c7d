"""Retention: how long what is kept, what is held all the same, what may go, how its going is proven. All of it pure.

::

    years  <-  schedules  <-  due  <-  disposal  <-  certificate
               days, holds  <-'       tombstone

Invariant: in doubt it is kept. A day that nobody knows never passes, of two readings of a rule the longer one holds, a
hold goes before every schedule, and whatever is not exactly as it was approved is not destroyed.
"""
