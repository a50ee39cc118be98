-- fields: the positions in the head of a record; see `records`.
local VERSION, STATE, LANE, CREATED, SEND_AT, DUE, EXPIRES, ATTEMPTS = 1, 2, 3, 4, 5, 6, 7, 8
local CLAIM, MAYBE_SENT, CANCEL, PARTS, TOKEN, IDEM, CONTACT = 9, 10, 11, 12, 13, 14, 15
-- ORDER: by how many µs its number in the order of acceptance lies behind CREATED; see `lanes`.
local FINISHED, HISTORY, ORDER = 16, 17, 18
-- Positions that only some records have.
local REPLAY_OF, REPLAYED_BY, CALLBACK, WEBHOOK, FACTS = 19, 20, 21, 22, 23
