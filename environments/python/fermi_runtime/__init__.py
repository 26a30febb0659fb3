"""The runtime behind server.py."""
