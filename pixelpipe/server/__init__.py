"""HTTP over the job service."""
