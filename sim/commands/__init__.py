"""The commands of `meshsim`, one a module; what they do is done elsewhere."""
