"""Tells webhooks of jobs that ended: signed, again and again until they have it."""
