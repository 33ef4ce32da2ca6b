"""A simulated week of looks: parcels whose scans are scripted, and the rules that compete in finding them."""
