"""One folder for each kind of provider, all behind `protocol.Adapter`: pure translation, no I/O."""
