"""Models without the engine, held against it or against others."""
