"""Pictures that people send and get: cleaned and drawn anew, by a process that has nothing."""
