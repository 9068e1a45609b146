"""People nearby: cards, comparisons and what follows from them, over open links."""
