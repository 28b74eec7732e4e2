"""Signed packages: build them, verify them, and the keys that decide whom to believe."""
