"""The parts of the engine: each joins a machine or two to links, store or vault."""
