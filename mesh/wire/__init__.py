"""What stands on the wire, as data: frames, envelopes, payloads, invites, bundles, records."""
