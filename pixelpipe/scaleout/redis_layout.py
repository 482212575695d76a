"""What is where in Redis, and the Lua that all scripts begin with.

Every name begins with the prefix, `{pixelpipe}` unless set otherwise: its braces are a hash tag, so
that a cluster has all of it on one node, as scripts want it. Moments are microseconds since 1970 in
UTC, as scores and as text. What only Python reads is JSON, or JSON packed by zlib. Nothing expires
by itself but a session; what is over is removed by the journal's `expire`, `evict` and `sweep`.

Jobs, each of these until the job is removed:

- `job:ID`, a hash: `tenant`, `created`, `fixed` (what never changes), `reuse-keys` (line by line),
  `key` (if it took one), `owner`, `epoch`, `claim` (who raised the epoch last), `seq` (of its
  newest event), `state`, `told` (what else changes), `ended` and `deleted` (when, if it did),
  `variant:INDEX`, and `blob:SHA256` with its size for each blob that it refers to.
- `open`, `ended` and `deleted`, sorted sets: ids of the jobs that have not ended, by their
  creation; that have, by their end; that were deleted, by that. A job is in one of them.
- `keys:TENANT`, a hash: for an idempotency key the job's id, a line feed and the fingerprint.

Until it is deleted, too:

- `jobs:STATE:TENANT`, sorted sets: ids of jobs by their creation, for lists.
- `tenants`, a set: those who have any.
- `made:TENANT:REUSE_KEY`, hashes: ids of the jobs that made it, and which of their variants it is.

Events, until their jobs are removed:

- `events`, a stream: ids are `<event id>-0`; type, job, seq, tenant and data.
- `events-of-job:ID`, a list: ids of the events; the n-th has the seq n.
- `events-of-tenant:TENANT`, a stream: the same ids, with nothing in them.
- `last-event`, a string: the newest id; it stays for ever.

Blobs, until they are swept:

- `blobs`, a hash: for a digest how many jobs refer to it, a space, and the size.
- `unused`, a sorted set: those that jobs referred to and none does, by when that was.
- `referenced-bytes`, a string: the size of all that some job refers to; it stays for ever.
- `removing`, a hash: for what a sweep removes just now its token, a space, and since when.
- `removals`, a string: how many were removed; it stays for ever.
- `removed`, a sorted set: the last ones of them, by their numbers among all.

The rest:

- `poisons-since` and `poisons-until`, sorted sets: sources that are refused; until their time.
- `outbox`, a sorted set: ids of messages to webhooks by when they are due; until they are closed.
- `message:ID`, a hash: url, body and attempts; likewise.
- `cancels`, a set: ids of jobs that somebody wants stopped; until they end.
- `notices`, a stream: what nodes tell one another, kind and about; for an hour.
- `hits`, a stream: requests that were counted against a rate, by whom and which; the newest ones.
- `queue`, a string: prefix and name of the queue of those who have this journal; it stays for ever.
- `session:OWNER`, a hash: the number and the reply of a writer's newest write; for 30 days.

Event ids are of one sequence. If each tenant had one, `last-event` would be a string for each,
`events-of-tenant:TENANT` would hold the events, and what follows everybody would have to
follow all of those.
"""

import hashlib
from dataclasses import dataclass, field

# Removals of which each blob is remembered; who looked for a blob earlier looks again.
_MOST_REMOVED = 10_000
# A sweep that is silent for so long has died while it removed a blob, and its request has reached
# the store or never does: a kernel sends what a closed connection has left for two minutes.
LEASE_S = 180
_NOTICE_KEPT_MS = 3_600_000

_SHARED = f"""
local call, p = redis.call, KEYS[1] .. ':'
local MOST_REMOVED, LEASE_US, NOTICE_KEPT_MS = {_MOST_REMOVED}, {LEASE_S}000000, {_NOTICE_KEPT_MS}
local STATES = {{'queued', 'running', 'completed', 'partial', 'failed', 'cancelled'}}

local at = 0
local function text() at = at + 1 return ARGV[at] end
local function number() return tonumber(text()) end
local function whole(value) return string.format('%d', value) end

local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function fields_of(id)
  local flat, fields = call('HGETALL', p .. 'job:' .. id), {{}}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function notify(kind, about)
  local oldest = whole(now / 1000 - NOTICE_KEPT_MS)
  call('XADD', p .. 'notices', 'MINID', '~', oldest, '*', 'kind', kind, 'about', about)
end

-- A job refers to a blob.
local function hold(sha, size)
  local found, refs = call('HGET', p .. 'blobs', sha), '0'
  if found then refs, size = found:match('^(%d+) (%d+)$') end
  if refs == '0' then
    call('INCRBY', p .. 'referenced-bytes', size)
    if found then call('ZREM', p .. 'unused', sha) end
  end
  call('HSET', p .. 'blobs', sha, whole(refs + 1) .. ' ' .. size)
end

-- It does no longer.
local function release(sha)
  local refs, size = call('HGET', p .. 'blobs', sha):match('^(%d+) (%d+)$')
  call('HSET', p .. 'blobs', sha, whole(refs - 1) .. ' ' .. size)
  if refs == '1' then
    call('DECRBY', p .. 'referenced-bytes', size)
    call('ZADD', p .. 'unused', whole(now), sha)
  end
end

-- A blob was removed from the store, or may have been.
local function note_removal(sha)
  call('HDEL', p .. 'removing', sha)
  call('ZADD', p .. 'removed', call('INCR', p .. 'removals'), sha)
  call('ZREMRANGEBYRANK', p .. 'removed', 0, -MOST_REMOVED - 1)
end

-- Nobody lists the job any more, and its blobs are no longer its own.
local function withdraw(id, job)
  call('ZREM', p .. 'jobs:' .. job.state .. ':' .. job.tenant, id)
  local others = 0
  for _, state in ipairs(STATES) do
    others = others + call('EXISTS', p .. 'jobs:' .. state .. ':' .. job.tenant)
  end
  if others == 0 then call('SREM', p .. 'tenants', job.tenant) end
  for field in pairs(job) do
    local sha = field:match('^blob:(.*)$')
    if sha then
      call('HDEL', p .. 'job:' .. id, field)
      release(sha)
    end
  end
  for reuse_key in job['reuse-keys']:gmatch('[^\\n]+') do
    call('HDEL', p .. 'made:' .. job.tenant .. ':' .. reuse_key, id)
  end
end

-- All there is of the job goes, but for messages to its webhook.
local function remove(id, job)
  if not job.deleted then withdraw(id, job) end
  for _, name in ipairs({{'open', 'ended', 'deleted'}}) do call('ZREM', p .. name, id) end
  call('SREM', p .. 'cancels', id)
  if job.key then call('HDEL', p .. 'keys:' .. job.tenant, job.key) end
  local of_tenant = p .. 'events-of-tenant:' .. job.tenant
  for _, event in ipairs(call('LRANGE', p .. 'events-of-job:' .. id, 0, -1)) do
    call('XDEL', p .. 'events', event .. '-0')
    call('XDEL', of_tenant, event .. '-0')
  end
  if call('XLEN', of_tenant) == 0 then call('DEL', of_tenant) end
  call('DEL', p .. 'job:' .. id, p .. 'events-of-job:' .. id)
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    """Lua that runs in Redis as one step: all of it or nothing, and nothing in between.

    Attributes:
        body: Behind what all scripts share; KEYS[1] is the prefix.
        flags: What Redis may know of it: `no-writes`, or `allow-oom` if it makes room.
        text: The whole of it.
        sha1: By which Redis knows it.
    """

    body: str
    flags: str = ""
    text: str = field(init=False)
    sha1: str = field(init=False)

    def __post_init__(self) -> None:
        begin = f"#!lua flags={self.flags}" if self.flags else "#!lua"
        text = f"{begin}{_SHARED}{self.body}"
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "sha1", hashlib.sha1(text.encode()).hexdigest())  # noqa: S324
