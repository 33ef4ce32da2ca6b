"""How the installation fares, read from the database: for Prometheus, for load balancers, for operators."""
