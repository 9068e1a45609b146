"""Where nodes stand and whom they meet: graphs, walks, and contacts that others recorded."""
