//! The whole system under a seeded load and seeded faults, held to what it promises.
//!
//! Two apis and two workers run as processes that are started anew when they end; each reaches each service by a line
//! of its own. Clients note every answer in a [`model`], as Jepsen does: what was acknowledged must be seen from then
//! on, what had no answer may have happened or not. Faults come in two lanes, short ones one after the other and rare
//! long ones beside them. Old results are delivered again at any time, and an operator replays dead letters. In the
//! end everything must come to rest, and what is there must be what was promised.

pub mod audit;
pub mod canary;
pub mod client;
pub mod config;
pub mod evidence;
pub mod faults;
pub mod figures;
pub mod load;
pub mod model;
pub mod plan;
pub mod replays;
pub mod report;
pub mod resources;
pub mod run;
pub mod settle;
pub mod sources;
pub mod stage;
pub mod supervise;
pub mod windows;
