"""The commands of `meshsim lab`, one a module; what they do is done elsewhere in the lab."""
