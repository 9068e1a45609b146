"""Rows and transactions of the two databases; decides nothing."""
