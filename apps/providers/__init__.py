"""Providers, deployments, routes, and the gateway through which every model call passes."""
