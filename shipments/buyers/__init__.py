"""Mails to buyers: who asked for them, what there is to tell, and how it is said."""
