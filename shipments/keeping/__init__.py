"""What becomes of what is kept: put to rest, handed out whole, deleted for good."""
