"""The health page: what it says, what it hides, and what is done on it."""
