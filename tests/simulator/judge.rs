//! What must hold after every restart, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use posthouse::base::{ConversationId, Feed, Index, MessageKey};
use posthouse::desk::{Body, Content, Conversation, Entry, Who};
use posthouse::store::Reader;
use posthouse::wire::{self, proto};

use crate::client::{Client, Place, Told};
use crate::server::who;

type Verdict = Result<(), String>;

/// R1, R2: what was acknowledged is there, under its key and at its index.
pub fn acked_is_kept(reader: &Reader, clients: &[Client]) -> Verdict {
    for client in clients {
        let sender = who(client.peer);
        for told in &client.told {
            let Told { conversation, key, result, .. } = told;
            let Ok(index) = result else { continue };
            let prior = reader.prior(*conversation, sender, *key);
            let prior = prior.map_err(|fault| format!("the store cannot be read: {fault}"))?;
            match prior {
                None => return Err(format!("{key} was acknowledged and is lost")),
                Some(prior) if prior.index.0 != *index => {
                    let now = prior.index.0;
                    return Err(format!("{key} was acknowledged at {index} and is at {now}"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Everything of a feed, which must be dense.
fn whole(reader: &Reader, feed: Feed) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    loop {
        let after = Index(entries.len() as u64);
        let page = reader.page(feed, after, 100, 64 * 1024).map_err(|fault| fault.to_string())?;
        if page.entries.is_empty() {
            let head = page.head.0;
            let count = entries.len() as u64;
            let dense = head == count;
            return if dense { Ok(entries) } else { Err(format!("{feed:?}: {count} of {head}")) };
        }
        for paged in page.entries {
            let next = entries.len() as u64 + 1;
            if paged.index.0 != next {
                return Err(format!("{feed:?}: {} stands in place of {next}", paged.index.0));
            }
            entries.push(wire::decode_entry(&paged.bytes).map_err(|code| code.name())?);
        }
    }
}

/// In the end, when nothing goes wrong any more and everybody had time.
pub fn everything(reader: &Reader, clients: &[Client]) -> Verdict {
    acked_is_kept(reader, clients)?;
    let mut conversations = BTreeMap::new();
    for id in clients.iter().flat_map(|client| client.former.iter().chain(&client.conversation)) {
        let full = whole(reader, Feed::Full(*id))?;
        once(&full)?;
        conversations.insert(*id, full);
    }
    let site = whole(reader, Feed::Site)?;
    let all: usize = conversations.values().map(Vec::len).sum();
    if site.len() != all {
        return Err(format!("the site has {} entries, its conversations {all}", site.len()));
    }
    for client in clients {
        answers(client, &conversations)?;
        for (feed, place) in &client.places {
            let entries = whole(reader, *feed)?;
            same(client, *feed, place, &entries)?;
            if let (Feed::Full(id), Some(row)) = (feed, &place.row) {
                folded(reader, *id, row)?;
            }
        }
    }
    Ok(())
}

/// R2: a command is in the log at most once.
fn once(entries: &[Entry]) -> Verdict {
    let mut seen: BTreeSet<(Who, MessageKey)> = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.key != MessageKey(0)) {
        if !seen.insert((entry.author.who, entry.key)) {
            return Err(format!("{} is in the log twice", entry.key));
        }
    }
    Ok(())
}

/// What was answered is true: accepted commands are there with their words, refused ones are not.
fn answers(client: &Client, conversations: &BTreeMap<ConversationId, Vec<Entry>>) -> Verdict {
    let sender = who(client.peer);
    if let Some(unsent) = client.outbox.front() {
        return Err(format!("{} of {sender:?} is never answered", unsent.key));
    }
    for told in &client.told {
        let entries = conversations.get(&told.conversation).map(Vec::as_slice).unwrap_or_default();
        let found = entries.iter().find(|e| e.key == told.key && e.author.who == sender);
        match (&told.result, found) {
            (Ok(_), None) => return Err(format!("{} was acknowledged and is lost", told.key)),
            (Ok(_), Some(entry)) if !says(entry, &told.command) => {
                return Err(format!("{} has other words in the log", told.key));
            }
            // Of several copies one may be refused and another taken later.
            (Err(code), Some(_)) if told.copies == 1 => {
                return Err(format!("{} was refused with {code} and is in the log", told.key));
            }
            (Err(1006), None) => return Err(format!("{}: a retry in conflict", told.key)),
            (Ok(_) | Err(_), Some(_)) | (Err(_), None) => {}
        }
    }
    Ok(())
}

fn says(entry: &Entry, command: &proto::Command) -> bool {
    use proto::command::Body as B;
    use proto::message::Content as C;
    match (&entry.body, &command.body) {
        (Body::Tombstone(_), Some(B::Message(_) | B::Note(_))) => true,
        (Body::Message(Content::Text(text)), Some(B::Message(message))) => {
            matches!(&message.content, Some(C::Text(sent)) if **text == *sent.as_str())
        }
        (Body::Note(text), Some(B::Note(note))) => **text == *note.text.as_str(),
        (Body::Message(_) | Body::Note(_), _) => false,
        _ => true,
    }
}

/// R3, R4: what a client has of a feed is what the store has, each index once. A team does not
/// learn of every recall, so there only the order counts.
fn same(client: &Client, feed: Feed, place: &Place, entries: &[Entry]) -> Verdict {
    let who = who(client.peer);
    if place.last != entries.len() as u64 {
        let (has, head) = (place.last, entries.len());
        return Err(format!("{who:?} has {has} of the {head} entries of {feed:?}"));
    }
    for (index, (_, row)) in &place.rows {
        let at = usize::try_from(*index).unwrap_or(0) - 1;
        let kept = &entries[at];
        let bare = |entry: &Entry| (entry.key, entry.author.who, entry.at.ms, entry.conversation);
        let equal = match feed {
            Feed::Team(_) => bare(row) == bare(kept),
            _ => row == kept,
        };
        if !equal {
            return Err(format!("{who:?} has another entry at {index} of {feed:?}"));
        }
    }
    let first = place.rows.keys().next().copied().unwrap_or(place.last + 1);
    let count = place.rows.len() as u64;
    if first + count != place.last + 1 {
        return Err(format!("{who:?} has a hole in {feed:?}: {count} from {first}"));
    }
    Ok(())
}

/// A snapshot and the entries after it make what a fresh snapshot says.
fn folded(reader: &Reader, id: ConversationId, row: &Conversation) -> Verdict {
    let fresh = reader.conversation(id).map_err(|fault| fault.to_string())?;
    let fresh = fresh.ok_or("a conversation that somebody follows is not there")?;
    let row = Conversation { position: fresh.position, ..row.clone() };
    if row == fresh {
        return Ok(());
    }
    Err(format!("snapshot and entries make another row of {id}:\n{row:?}\n{fresh:?}"))
}
