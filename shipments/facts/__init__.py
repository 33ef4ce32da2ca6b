"""Pure rules about parcels: no database, no network, and the time is an argument."""
