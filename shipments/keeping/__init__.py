"""How long data is kept, and how it goes: by age, and because a buyer asked for it."""
