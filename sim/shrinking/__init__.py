"""From a run that breaks a promise to the smallest world that still breaks it."""
