"""Wiring alone: settings, the server, the worker, and the supervisor that starts them."""
