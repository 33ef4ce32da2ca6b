"""What follows from many parcels: who needs a person, and figures."""
