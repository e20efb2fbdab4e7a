"""The logic of the modules in library/: plain Python, for the Python of the managed host."""
