"""When to look again, who asks, and what becomes of the answers."""
