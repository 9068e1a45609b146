"""The corpus of planted bugs: where each is found, and the smallest world that still shows it."""
