"""All that is written and read: conversations, their order, messages, receipts."""
