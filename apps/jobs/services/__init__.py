"""Changing jobs: submit, claim, finish, cancel, retry; the only place that writes them."""
