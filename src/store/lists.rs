//! Lists of conversations by last activity: the database's index, and the rows the tail changed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use redb::ReadTransaction;

use super::body_keys::BodyKeys;
use super::fault::Fault;
use super::reader::{Reader, current, newer, stored_conversation};
use super::tables::{self, List};
use super::words::{ListQuery, Scope, Written};
use crate::base::ConversationId;
use crate::desk::{Conversation, State};

const STATES: [State; 3] = [State::Queued, State::Assigned, State::Resolved];

type Newer = BTreeMap<ConversationId, Vec<Arc<Written>>>;

impl Reader {
    /// Conversations of a list, newest activity first.
    ///
    /// # Errors
    /// The disk fails or a row is damaged.
    pub fn conversations(&self, query: ListQuery) -> Result<Vec<Conversation>, Fault> {
        let newer = self.changed();
        let keys = self.shared.keys.as_deref();
        let mut rows = self.shared.database.read(|txn| {
            let mut rows = changed_rows(txn, &newer, keys)?;
            let states = query.state.as_slice();
            for state in if states.is_empty() { &STATES } else { states } {
                rows.extend(indexed(txn, query, *state, (&newer, keys))?);
            }
            Ok(rows)
        })?;
        rows.retain(|row| listed(query, row));
        rows.sort_by_key(|row| (std::cmp::Reverse(row.last_ms), row.id));
        rows.truncate(query.limit);
        Ok(rows)
    }

    /// Every conversation that waits or has an owner: what the front must know at the start. Those
    /// that wait come first, in the order of their queues.
    ///
    /// # Errors
    /// As `conversations`.
    pub fn unresolved(&self) -> Result<Vec<Conversation>, Fault> {
        let all = |state| ListQuery {
            scope: Scope::All,
            state: Some(state),
            before_ms: u64::MAX,
            limit: usize::MAX,
        };
        let mut queued = self.conversations(all(State::Queued))?;
        queued.sort_by_key(|row| (row.queued_ms, row.id));
        let taken = self.conversations(all(State::Assigned))?;
        let seen: HashSet<ConversationId> = queued.iter().map(|row| row.id).collect();
        queued.extend(taken.into_iter().filter(|row| !seen.contains(&row.id)));
        Ok(queued)
    }

    fn changed(&self) -> Newer {
        let tail = self.shared.tail();
        tail.conversations().map(|id| (id, newer(&tail, id))).collect()
    }
}

/// The conversations with entries in the tail, as they are now.
fn changed_rows(
    txn: &ReadTransaction,
    newer: &Newer,
    keys: Option<&BodyKeys>,
) -> Result<Vec<Conversation>, Fault> {
    let mut rows = Vec::new();
    for (id, entries) in newer {
        rows.extend(current(*id, stored_conversation(txn, *id, keys)?, entries));
    }
    Ok(rows)
}

/// The first rows of one state that the tail did not change.
fn indexed(
    txn: &ReadTransaction,
    query: ListQuery,
    state: State,
    (newer, keys): (&Newer, Option<&BodyKeys>),
) -> Result<Vec<Conversation>, Fault> {
    let list = match query.scope {
        Scope::All => List::All,
        Scope::Agent(agent) => List::Agent(agent.0),
        Scope::Team(team) => List::Team(team.0),
    };
    let prefix = tables::list_prefix(list, state);
    let (mut low, mut high) = (prefix.clone(), prefix);
    low.extend_from_slice(&(!query.before_ms.saturating_sub(1)).to_be_bytes());
    high.extend_from_slice(&[0xff; 24]);
    let mut rows = Vec::new();
    for key in txn.open_table(tables::LISTS)?.range(low.as_slice()..=high.as_slice())? {
        if rows.len() >= query.limit {
            break;
        }
        let (key, ()) = (key?.0, ());
        let id = key.value().last_chunk::<16>().and_then(|id| ConversationId::from_bytes(id));
        if let Some(id) = id.filter(|id| !newer.contains_key(id)) {
            rows.extend(stored_conversation(txn, id, keys)?);
        }
    }
    Ok(rows)
}

fn listed(query: ListQuery, row: &Conversation) -> bool {
    let scope = match query.scope {
        Scope::All => true,
        Scope::Agent(agent) => row.agent == Some(agent),
        Scope::Team(team) => row.team == team,
    };
    scope
        && query.state.is_none_or(|state| row.state == state)
        && !matches!(row.state, State::Absent | State::Erased)
        && row.last_ms < query.before_ms
}
