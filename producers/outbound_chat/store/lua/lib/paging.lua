-- paging: handles the members of an index whose time has come. Members that `handle` leaves in place ('newer': a newer
-- version wrote them, and its wakers handle them) do not block those behind them.
local paging = {}

local PAGES = 5
paging.PAGE = 100

-- Return how many were handled, and whether some were left in place.
function paging.each_due(index, handle)
  local handled, left = 0, 0
  for _ = 1, PAGES do
    local ids = redis.call('ZRANGEBYSCORE', key(index), '-inf', NOW, 'LIMIT', left, paging.PAGE)
    for _, id in ipairs(ids) do
      if handle(id) == 'newer' then
        left = left + 1
      else
        handled = handled + 1
      end
    end
    if #ids < paging.PAGE or left == 0 then
      break
    end
  end
  return handled, left > 0
end

return paging
