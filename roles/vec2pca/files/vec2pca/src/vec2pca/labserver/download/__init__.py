"""Files on web servers: addresses and what is secret in them, what an answer is, whether a file is what it seems."""
