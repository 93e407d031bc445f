//! The scripts that keep an older truth from replacing a newer one. Both read the header of [`crate::frame`].

use redis::Script;

/// Writes an entry unless a newer one, or a higher floor, is there. A fill that waited long is refused as well, since
/// the floor against it may be gone by now: Redis tells by its own clock when it carries it out, however long the fill
/// lay about on its way. However it ends, the next may read the product: nobody waits for this fill any more. `KEYS[1]`,
/// `KEYS[2]` with the epoch, `KEYS[3]` with the leave to read; version, entry, milliseconds to live, the ticket's
/// epoch and seconds, and how many seconds it is good for.
const PUT: &str = r"
redis.call('DEL', KEYS[3])
if redis.call('GET', KEYS[2]) ~= ARGV[4] then
  return 0
end
local age = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[5])
if age < 0 or age > tonumber(ARGV[6]) then
  return 0
end
local held = redis.call('GETRANGE', KEYS[1], 0, 8)
if #held == 9 and struct.unpack('>i8', held, 2) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// Puts a floor in the place of an entry, unless the entry is already as new, and tells all processes. `KEYS[1]`; version,
/// floor, milliseconds to live, channel and message. How many have been told.
const RAISE: &str = r"
local held = redis.call('GETRANGE', KEYS[1], 0, 8)
if #held ~= 9 or struct.unpack('>i8', held, 2) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return redis.call('PUBLISH', ARGV[4], ARGV[5])
";

/// Both scripts with their digests, which are worked out once.
pub(crate) struct Scripts {
    pub(crate) put: Script,
    pub(crate) raise: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            put: Script::new(PUT),
            raise: Script::new(RAISE),
        }
    }
}
