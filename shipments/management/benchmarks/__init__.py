"""What the benchmarks stand on: a database of their own, and a world to fill it with."""
