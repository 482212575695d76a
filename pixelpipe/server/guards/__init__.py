"""Who asks, from where, and whether he may."""
