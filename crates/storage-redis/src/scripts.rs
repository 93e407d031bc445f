//! The scripts that keep an older truth from replacing a newer one. Both read the header of [`crate::frame`].

use redis::Script;

/// Writes an entry unless a newer one, or a higher floor, is there. `KEYS[1]`; version, entry, milliseconds to live.
const PUT: &str = r"
local held = redis.call('GETRANGE', KEYS[1], 0, 8)
if #held == 9 and struct.unpack('>i8', held, 2) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// Puts a floor in the place of an entry, unless the entry is already as new. `KEYS[1]`; version, floor,
/// milliseconds to live.
const RAISE: &str = r"
local held = redis.call('GETRANGE', KEYS[1], 0, 8)
if #held == 9 and struct.unpack('>i8', held, 2) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
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
