"""The part of the node for what a person does: contacts, conversations, outbox, inbox, history."""
