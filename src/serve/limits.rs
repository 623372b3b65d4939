//! The server's limits for clients: sizes, numbers and times.

use std::time::Duration;

/// The most connections that are open at a time. Others wait.
pub const MOST_CONNECTIONS: usize = 100;
/// The largest head of a request, in bytes.
pub const LARGEST_HEAD: usize = 16 << 10;
/// The largest body of a request, in bytes. `request` refuses a larger one while it arrives.
pub const LARGEST_BODY: usize = 4 << 20;
/// How long the head of a request may take to arrive, and then its body.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may read nothing of its response.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The longest side of a stage's picture on the page, in pixels.
pub const LARGEST_STAGE: u32 = 200;
