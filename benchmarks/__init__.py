"""How fast the core is, and how much memory it takes, beside the least code that could do the same. `make bench`."""
