"""The wire as data: frames, envelopes, payloads, invites, bundles, records."""
