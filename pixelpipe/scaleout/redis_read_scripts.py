"""The Lua that reads the journal: what each of them gives is of one moment."""

from pixelpipe.scaleout.redis_layout import Script

_ONLY_READ = "no-writes"

JOBS = Script(
    """
local jobs = {}
for i = 1, number() do jobs[i] = call('HGETALL', p .. 'job:' .. text()) end
return jobs
""",
    _ONLY_READ,
)
"""Jobs as they are. Arguments: how many, and their ids. Gives their fields; none if not there."""

LISTED = Script(
    """
local tenants, states = {}, {}
local everybody = text() == '1'
local tenant = text()
tenants = everybody and call('SMEMBERS', p .. 'tenants') or {tenant}
for i = 1, number() do states[i] = text() end
local after, before, at_moment, limit = text(), text(), text(), text()
local found = {}
for _, tenant in ipairs(tenants) do
  for _, state in ipairs(states) do
    local jobs = p .. 'jobs:' .. state .. ':' .. tenant
    found[#found + 1] =
      call('ZREVRANGEBYSCORE', jobs, before, after, 'WITHSCORES', 'LIMIT', 0, limit)
    if at_moment ~= '' then
      found[#found + 1] = call('ZRANGEBYSCORE', jobs, at_moment, at_moment, 'WITHSCORES')
    end
  end
end
return found
""",
    _ONLY_READ,
)
"""Which jobs a list may have.

Arguments: 1 for everybody's, the tenant, how many states and they, bounds of the creation as of
ZRANGE, a moment whose jobs are all given or nothing, and a limit for each tenant and state. Gives
lists of ids and creations by turns.
"""

REUSABLE = Script(
    """
local made = {}
local tenant = text()
for i = 1, number() do
  local maker = call('HRANDFIELD', p .. 'made:' .. tenant .. ':' .. text(), 1, 'WITHVALUES')
  made[i] = maker[1] and call('HGET', p .. 'job:' .. maker[1], 'variant:' .. maker[2]) or ''
end
return made
""",
    _ONLY_READ,
)
"""Variants that were made. Arguments: the tenant, how many reuse keys, and they. Gives texts."""

_TAKEN = """
local events, size_bytes, limit, limit_bytes = {}, 0, number(), number()
-- Whether it was taken, and there may be room for more.
local function take(event)
  local fields = event[2]
  size_bytes = size_bytes + #fields[10]
  if #events > 0 and limit_bytes >= 0 and size_bytes > limit_bytes then return false end
  events[#events + 1] = {event[1], fields[2], fields[4], fields[6], fields[8], fields[10]}
  return #events < limit
end
local function look_up(id)
  local found = call('XRANGE', p .. 'events', id, id)
  return not found[1] or take(found[1])
end
"""

EVENTS = Script(
    _TAKEN
    + """
local next_one, going_on = '(' .. text(), true
while going_on do
  local found = call('XRANGE', p .. 'events', next_one, '+', 'COUNT', 50)
  going_on = #found > 0
  for _, event in ipairs(found) do
    going_on = going_on and take(event)
    next_one = '(' .. event[1]
  end
end
return events
""",
    _ONLY_READ,
)
"""Events of all jobs.

Arguments: a limit, a limit of bytes or -1, and the id behind which they begin. Gives each as its
id, type, job, seq, tenant and data.
"""

EVENTS_OF = Script(
    _TAKEN
    + """
local after, ids = number(), {}
for _ = 1, number() do
  for _, id in ipairs(call('LRANGE', p .. 'events-of-job:' .. text(), 0, -1)) do
    if tonumber(id) > after then ids[#ids + 1] = tonumber(id) end
  end
end
table.sort(ids)
for _, id in ipairs(ids) do
  if not look_up(whole(id) .. '-0') then break end
end
return events
""",
    _ONLY_READ,
)
"""Events of some jobs. Arguments: as EVENTS, then how many jobs, and their ids, each once."""

EVENTS_FOR = Script(
    _TAKEN
    + """
local stream, first, last = p .. 'events-of-tenant:' .. text(), text(), text()
for _, event in ipairs(call('XRANGE', stream, first, last, 'COUNT', limit)) do
  if not look_up(event[1]) then break end
end
return events
""",
    _ONLY_READ,
)
"""Events of a tenant. Arguments: two limits as EVENTS, the tenant, the first and the last id."""

KEYED = Script("return call('HGET', p .. 'keys:' .. text(), text())", _ONLY_READ)
"""Who has a key. Arguments: the tenant and the key. Gives the job, a line feed, the fingerprint."""

POISONS = Script(
    """
return {call('ZRANGE', p .. 'poisons-since', 0, -1, 'WITHSCORES'),
  call('ZRANGE', p .. 'poisons-until', 0, -1, 'WITHSCORES')}
""",
    _ONLY_READ,
)
"""Refused sources, the oldest first, each with its since; and, in any order, with its until."""

COUNTERS = Script(
    """
return {call('GET', p .. 'last-event') or '0', call('GET', p .. 'removals') or '0'}
""",
    _ONLY_READ,
)
"""The newest event's id, and how many blobs were removed so far."""
