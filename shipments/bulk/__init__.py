"""Many parcels at once: what a list shows, deeds on all of it, files in and out."""
