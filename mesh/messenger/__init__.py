"""What a person does: contacts, conversations, outbox, inbox, history."""
