"""Groups: who is in, by operations that anybody can check and that need no order."""
