"""What a file holds, told by its bytes, and its text: decoders, and files that are read block by block."""
