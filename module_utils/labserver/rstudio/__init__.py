"""RStudio Server: its users' accounts, and the vendor's signature of its package."""
