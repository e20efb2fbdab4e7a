"""Readers of files of reviews."""
