"""What a file is: pure Python over bytes, run before any codec sees them."""
