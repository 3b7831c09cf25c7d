"""The one place where what happened is written: recorder, mapper, vault, guards, sequencer, embedded PostgreSQL."""
