"""What jobs need of storage and of a queue, on many machines; imported only when asked for."""
