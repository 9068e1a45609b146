"""What is promised, and what holds a run to it without knowing how worlds are built."""
