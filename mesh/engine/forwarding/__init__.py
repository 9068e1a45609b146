"""The carrying of mail for everybody, from one peer to the next."""
