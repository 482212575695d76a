"""Connections, before and below the requests that come over them."""
