"""From a merchant's number to a carrier's facts in the database."""
