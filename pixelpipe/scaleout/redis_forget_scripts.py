"""The Lua by which jobs change hands and go, and blobs after them."""

from pixelpipe.scaleout.redis_layout import Script

_MAKES_ROOM = "allow-oom"

TAKE_OVER = Script(
    """
local owner, living, jobs = text(), {}, {}
for _ = 1, number() do living[text()] = true end
for _, id in ipairs(call('ZRANGE', p .. 'open', 0, -1)) do
  local job_key = p .. 'job:' .. id
  if not living[call('HGET', job_key, 'owner')] then
    call('HINCRBY', job_key, 'epoch', 1)
    call('HSET', job_key, 'owner', owner)
    jobs[#jobs + 1] = {id, call('HGETALL', job_key)}
  end
end
return jobs
"""
)
"""Make jobs that have not ended the caller's.

Arguments: the new owner, how many owners keep theirs, and they. Gives the id and the fields of each
job, the oldest first.
"""

CLAIM = Script(
    """
local job_key, epoch, has_ended, owner, token =
  p .. 'job:' .. text(), text(), text() == '1', text(), text()
local found, ended, deleted, claim =
  unpack(call('HMGET', job_key, 'epoch', 'ended', 'deleted', 'claim'))
if claim == token then return 1 end
if found ~= epoch or deleted or (ended ~= false) ~= has_ended then return 0 end
call('HSET', job_key, 'epoch', whole(epoch + 1), 'owner', owner, 'claim', token)
return 1
"""
)
"""Make one job the caller's, if it is as he knows it.

Arguments: the job, its epoch, 1 if it has ended, the new owner, and a token of this claim: sent
again, it is answered the same. Gives 1 if it is the caller's.
"""

BURY = Script(
    """
local id, moment = text(), text()
local job = fields_of(id)
if not job.ended then return 0 end
if not job.deleted then
  withdraw(id, job)
  call('HSET', p .. 'job:' .. id, 'deleted', moment)
  call('ZREM', p .. 'ended', id)
  call('ZADD', p .. 'deleted', moment, id)
end
return 1
""",
    _MAKES_ROOM,
)
"""Delete an ended job but remember it. Arguments: the job and the moment. Gives 1 if it is."""

OVER = Script(
    """
return call('ZRANGEBYSCORE', p .. text(), '-inf', text(), 'WITHSCORES', 'LIMIT', text(), text())
""",
    "no-writes",
)
"""Some of those in `ended`, `deleted` or `unused`, the first first.

Arguments: in which, before which moment as of ZRANGE, how many to pass over, and how many to give.
Gives names and moments by turns.
"""

AGO = Script("return whole(now - number())", "no-writes")
"""The moment so many microseconds ago, by the clock that scores are of. Argument: how many."""

REMOVE = Script(
    """
local limit_bytes, over, removed = number(), p .. text(), 0
for _ = 1, number() do
  local bytes = limit_bytes >= 0 and tonumber(call('GET', p .. 'referenced-bytes') or '0')
  if bytes and bytes <= limit_bytes then return {removed, 1} end
  local id, since = text(), text()
  local job = fields_of(id)
  if not job.tenant then
    call('ZREM', over, id)
  elseif call('ZSCORE', over, id) == since then
    remove(id, job)
    removed = removed + 1
  end
end
return {removed, 0}
""",
    _MAKES_ROOM,
)
"""Remove jobs that are over until blobs fit.

Arguments: the bytes that all blobs together may have, or -1 to remove all of them; `ended` or
`deleted`; how many jobs, and of each the id and since when it is in there, as OVER gives them: one
that was tried again since stays. Gives how many were removed, and 1 if that was enough.
"""

MARK = Script(
    """
local sha, token = text(), text()
local found = call('HGET', p .. 'blobs', sha)
if found and found:match('^%d+') ~= '0' then return 0 end
local mark = call('HGET', p .. 'removing', sha)
local marked_by, since = (mark or ''):match('^(.*) (%d+)$')
if mark and marked_by ~= token and now - tonumber(since) <= LEASE_US then return 0 end
call('HSET', p .. 'removing', sha, token .. ' ' .. whole(now))
return 1
""",
    _MAKES_ROOM,
)
"""Begin to remove a blob, if no job refers to it and nobody else removes it.

Arguments: the blob's digest and a token of the sweep. Gives 1 if it may be removed: until UNMARK,
or a lease later, no job comes to refer to it.
"""

UNMARK = Script(
    """
local sha, token, outcome = text(), text(), text()
local mark = call('HGET', p .. 'removing', sha)
if not mark or mark:match('^(.*) %d+$') ~= token then return end
if outcome == 'kept' then return call('HDEL', p .. 'removing', sha) end
note_removal(sha)
call('ZREM', p .. 'unused', sha)
call('HDEL', p .. 'blobs', sha)
""",
    _MAKES_ROOM,
)
"""End what MARK began.

Arguments: the digest, the token, and `kept` if the blob was left alone, or `removed`. Where that is
not known the mark stays: the request may still be on its way to the store.
"""

UNSURE = Script(
    """
local left, marks = {}, call('HGETALL', p .. 'removing')
for i = 1, #marks, 2 do
  if now - tonumber(marks[i + 1]:match('%d+$')) > LEASE_US then left[#left + 1] = marks[i] end
end
return left
""",
    "no-writes",
)
"""Blobs whose removal was begun, and not ended within its lease: they are to be swept again."""

UNKNOWN = Script(
    """
local unknown = {}
for _ = 1, number() do
  local sha = text()
  if call('HEXISTS', p .. 'blobs', sha) == 0 then unknown[#unknown + 1] = sha end
end
return unknown
""",
    "no-writes",
)
"""Those of some blobs that no job refers to, nor did since they were last swept.

Arguments: how many, and their digests.
"""
