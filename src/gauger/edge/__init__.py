"""All input and output: log readers, engines, stores."""
