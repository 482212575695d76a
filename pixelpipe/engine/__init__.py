"""Shared memory, worker processes and what runs where."""
