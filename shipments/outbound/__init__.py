"""What leaves the house: mails."""
