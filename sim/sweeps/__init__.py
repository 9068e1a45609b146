"""Many runs of one scenario: what is run, by whom, what came of it, and what that says."""
