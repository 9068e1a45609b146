"""Two releases in one world: machines whose engines are another release's, in its own process."""
