"""What becomes of what is kept: put to rest, handed out whole, erased by age or because a buyer asks, deleted for good."""
