"""Contact events: how workers learn which chats have ended."""
