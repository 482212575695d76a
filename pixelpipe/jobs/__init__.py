"""Jobs, their tasks and their events."""
