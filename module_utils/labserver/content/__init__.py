"""What a file holds, told by its bytes, and its text.

- `codecs` (gzip, zstd) < `source` (a file's text in blocks)
"""
