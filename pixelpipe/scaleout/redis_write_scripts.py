"""The Lua by which steps come into the journal, each of them once."""

from pixelpipe.scaleout.redis_layout import Script

SESSION_KEPT_S = 30 * 86_400

_ANSWERED = f"""
local function answer(session, count, reply)
  call('HSET', session, 'number', whole(count), 'reply', reply)
  call('EXPIRE', session, {SESSION_KEPT_S})
  return reply
end
"""

WRITE = Script(
    _ANSWERED
    + """
local session, count, known, generation, most_poisons =
  p .. 'session:' .. text(), number(), number(), number(), number()
local before = tonumber(call('HGET', session, 'number') or '0')
if count <= before then return call('HGET', session, 'reply') end

local there, stale = {}, false
local removals = tonumber(call('GET', p .. 'removals') or '0')
local sweeping = call('EXISTS', p .. 'removing') == 1

local function under_removal(sha)
  local mark = sweeping and call('HGET', p .. 'removing', sha)
  if mark and now - tonumber(mark:match('%d+$')) > LEASE_US then note_removal(sha) end
  return mark
end

local function removed_since(sha)
  local place = generation < removals and call('ZSCORE', p .. 'removed', sha)
  return place and tonumber(place) > generation
end

for _ = 1, number() do
  local sha = text()
  there[sha] = text() == '1'
  if there[sha] and (under_removal(sha) or removed_since(sha)) then stale = true end
end
stale = stale or generation < removals - MOST_REMOVED
if stale then return cjson.encode({again = tonumber(call('GET', p .. 'removals') or '0')}) end

local last = math.max(tonumber(call('GET', p .. 'last-event') or '0'), known)

local function read_step()
  local step = {
    id = text(), epoch = text(), state = text(), ended = text(), told = text(), type = text(),
    data = text(), url = text(), head = text(), variants = {}, blobs = {},
  }
  for i = 1, number() do step.variants[i] = {index = text(), text = text(), made = text()} end
  for i = 1, number() do step.blobs[i] = {sha = text(), size = text()} end
  return step
end

local function read_entry()
  local step = read_step()
  step.tenant, step.created, step.fixed, step.reuse_keys = text(), text(), text(), text()
  step.owner = text()
  if text() == '1' then step.key, step.fingerprint = text(), text() end
  return step
end

local function missing(step, job_key)
  local new = {}
  for _, blob in ipairs(step.blobs) do
    if not job_key or call('HEXISTS', job_key, 'blob:' .. blob.sha) == 0 then
      if not there[blob.sha] then return blob.sha end
      new[#new + 1] = blob
    end
  end
  return nil, new
end

local function place(step, tenant, created, was)
  local id, ended = step.id, step.ended ~= ''
  if was ~= step.state then
    if was then call('ZREM', p .. 'jobs:' .. was .. ':' .. tenant, id) end
    call('ZADD', p .. 'jobs:' .. step.state .. ':' .. tenant, created, id)
  end
  if ended then
    call('ZREM', p .. 'open', id)
    call('ZADD', p .. 'ended', step.ended, id)
    call('SREM', p .. 'cancels', id)
  elseif was ~= step.state then
    call('ZREM', p .. 'ended', id)
    call('ZADD', p .. 'open', created, id)
  end
end

local function append(step, job_key, tenant)
  if step.type == '' then return {'kept'} end
  local seq = call('HINCRBY', job_key, 'seq', 1)
  last = last + 1
  local id, data = whole(last), step.data .. '"seq":' .. whole(seq) .. '}'
  call('XADD', p .. 'events', id .. '-0', 'type', step.type, 'job', step.id, 'seq', seq,
    'tenant', tenant, 'data', data)
  call('XADD', p .. 'events-of-tenant:' .. tenant, id .. '-0', 'e', '')
  call('RPUSH', p .. 'events-of-job:' .. step.id, id)
  if step.url ~= '' then
    local message = 'msg_' .. step.id .. '_' .. whole(seq)
    call('HSET', p .. 'message:' .. message,
      'url', step.url, 'body', step.head .. data .. '}', 'attempts', 0)
    call('ZADD', p .. 'outbox', step.ended, message)
    notify('message', message)
  end
  return {'event', id, whole(seq)}
end

local function apply(step, tenant, created, was, blobs)
  local job_key = p .. 'job:' .. step.id
  call('HSET', job_key, 'state', step.state, 'told', step.told)
  if step.ended ~= '' then
    call('HSET', job_key, 'ended', step.ended)
  else
    call('HDEL', job_key, 'ended')
  end
  for _, variant in ipairs(step.variants) do
    call('HSET', job_key, 'variant:' .. variant.index, variant.text)
    if variant.made ~= '' then
      call('HSET', p .. 'made:' .. tenant .. ':' .. variant.made, step.id, variant.index)
    end
  end
  for _, blob in ipairs(blobs) do
    call('HSET', job_key, 'blob:' .. blob.sha, blob.size)
    hold(blob.sha, blob.size)
  end
  place(step, tenant, created, was)
  return append(step, job_key, tenant)
end

local function enter(step)
  local taken = step.key and call('HGET', p .. 'keys:' .. step.tenant, step.key)
  if taken then
    local job, fingerprint = taken:match('^(.-)\\n(.*)$')
    return {'taken', job, fingerprint}
  end
  local gone, blobs = missing(step)
  if gone then return {'missing', gone} end
  local job_key = p .. 'job:' .. step.id
  if call('EXISTS', job_key) == 1 then return {'lost'} end
  call('HSET', job_key, 'tenant', step.tenant, 'created', step.created, 'fixed', step.fixed,
    'reuse-keys', step.reuse_keys, 'owner', step.owner, 'epoch', step.epoch, 'seq', 0)
  if step.key then
    call('HSET', job_key, 'key', step.key)
    call('HSET', p .. 'keys:' .. step.tenant, step.key, step.id .. '\\n' .. step.fingerprint)
  end
  call('SADD', p .. 'tenants', step.tenant)
  return apply(step, step.tenant, step.created, nil, blobs)
end

local function go_on(step)
  local job_key = p .. 'job:' .. step.id
  local epoch, deleted, tenant, created, was = unpack(
    call('HMGET', job_key, 'epoch', 'deleted', 'tenant', 'created', 'state'))
  if epoch ~= step.epoch or deleted then return {'lost'} end
  local gone, blobs = missing(step, job_key)
  if gone then return {'missing', gone} end
  return apply(step, tenant, created, was, blobs)
end

local function forget(sha)
  call('ZREM', p .. 'poisons-since', sha)
  call('ZREM', p .. 'poisons-until', sha)
end

local function poison()
  local sha, since, till = text(), text(), text()
  call('ZADD', p .. 'poisons-since', since, sha)
  call('ZADD', p .. 'poisons-until', till, sha)
  for _, over in ipairs(call('ZRANGEBYSCORE', p .. 'poisons-until', '-inf', since)) do
    forget(over)
  end
  for _, old in ipairs(call('ZRANGE', p .. 'poisons-since', 0, -most_poisons - 1)) do
    forget(old)
  end
  notify('poison', sha)
  return {'kept'}
end

local kinds = {
  new = function() return enter(read_entry()) end,
  step = function() return go_on(read_step()) end,
  poison = poison,
}
local outcomes = {}
for i = 1, number() do outcomes[i] = kinds[text()]() end
call('SET', p .. 'last-event', whole(last))
return answer(session, count, cjson.encode({outcomes = outcomes, forgot = count > before + 1}))
"""
)
"""Record steps, or say what came of them if they were recorded before.

Arguments: the writer, the number of the write among its own, the newest event's id that it knows,
how many removals of blobs there had been when it last looked, MOST_POISONS; then what it looked
for in the store, a count and pairs of a digest and whether the blob was there; then a count of
records and each of them, `new`, `step` or `poison`, as `redis_batch` lays them out.

Gives JSON: either `again`, the number of removals by now, and nothing was done: what was found in
the store may have been removed since. Or `outcomes`, each `event` with its id and seq, `kept`,
`lost`, `taken` with the job and the fingerprint, or `missing` with the digest; and `forgot`,
whether Redis has lost an earlier write of this writer.

A writer has one write under way at a time and numbers them from 1. Redis keeps the newest one's
number and reply, so that the same write sent again is answered and not done a second time, and one
that arrives late, after a newer one, does nothing.
"""

SETTLE = Script(
    _ANSWERED
    + """
local session, count = p .. 'session:' .. text(), number()
if tonumber(call('HGET', session, 'number') or '0') >= count then
  return call('HGET', session, 'reply')
end
answer(session, count, '')
return ''
""",
    "allow-oom",
)
"""Say what came of a write whose answer was lost, or see to it that it is never done.

Arguments: the writer and the number of the write. Gives its reply; empty if it was not done, and
then it will not be: it counts as older from now on.
"""

WITHDRAW = Script(
    """
for _ = 1, number() do
  local id, epoch = text(), text()
  local job = fields_of(id)
  if job.epoch == epoch and job.seq == '1' then remove(id, job) end
end
""",
    "allow-oom",
)
"""Remove new jobs whose senders were told that they could not be recorded.

Arguments: how many, and the id and epoch of each. One that somebody has claimed since, or to which
something has happened, stays.
"""
