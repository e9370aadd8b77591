"""The stages, one module each, in the order and with the inputs and outputs of `stackyard.stages`."""
