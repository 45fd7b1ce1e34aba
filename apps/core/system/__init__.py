"""What operators and probes ask of the house itself: health, configuration, capabilities, metrics."""
