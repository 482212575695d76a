"""Calls to servers that clients name: only to addresses out there, and only so much of them."""
