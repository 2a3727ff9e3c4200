//! The running owners: shards of conversations, the front desk, the publisher, connections; and
//! the handle that the rest of the house talks to. Architecture invariant: every piece of state
//! has one owner; handles send, owners decide.

mod account;
mod act;
mod attachment;
mod audit;
mod audit_reading;
mod audit_start;
mod backup;
mod connection;
mod deed;
mod desk;
mod erasure;
mod front;
mod ledger;
mod picture;
mod publisher;
mod reading;
mod reads;
mod rotation;
pub mod shard;
mod shards;
#[cfg(feature = "test-peer")]
mod site_feed;
mod start;
mod sweep;
mod task;
mod ticket;
mod upkeep;

pub use account::{Claim, Claimed, Proven, SignedIn, inbox_key};
pub use act::Owed;
pub use attachment::{Download, Upload};
pub use audit_reading::{AuditPage, AuditQuery, AuditRow, Export, Verified};
pub use audit_start::Aged;
pub use backup::BackupPlan;
pub use connection::Credentials;
pub use deed::{Deed, Doer, SIGN_IN};
pub use desk::{Desk, Standing, Surroundings};
pub use erasure::Erasure;
pub use front::Staff;
pub use reading::{Page, View};
pub use rotation::{Part, Rotation};
#[cfg(feature = "test-peer")]
pub use site_feed::{EntryKey, SiteFeed};
pub use start::{Running, Setting, start};
