"""The page: what a browser shows, as files that are served as they are."""
