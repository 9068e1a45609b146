"""Keys shared with contacts, and what is sealed with them until it is delivered or expires."""
