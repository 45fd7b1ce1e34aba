"""A small real model on this machine: llama.cpp's server in a child process of ours, started with the first call.

`child` runs in that process, `supervisor` starts, shares, idles out and restarts it, `exchange` is one call over
loopback, `transport` the way in. Nothing here goes through the list of allowed private hosts: the one address it ever
connects to is the child's, behind a key that was drawn for it.
"""
