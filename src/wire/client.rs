//! What clients send: frames decoded into the session's words, checked before anything is allocated
//! for them.

use prost::Message as _;
use xxhash_rust::xxh3::xxh3_128;

use super::proto;
use super::words::{BAD, conversation_of, feed_from_proto, key_of, profile_of, who_of};
use crate::base::code::{self, Code};
use crate::base::{AgentId, BlobId, Epoch, Index, Private, TeamId, limits};
use crate::desk::{CommandAsk, OpeningAsk, TransferAsk};
use crate::session::{ClientFrame, Cursor, Hello, Status};

type Decoded<T> = Result<T, Code>;

/// A submit as the shells pass it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub opening: Option<Box<OpeningAsk>>,
    pub command: CommandAsk,
    /// XXH3-128 of the encoded command: a retry has the same.
    pub body_hash: [u8; 16],
}

/// Fields of the frames that hold a list: a Hello with every feed's cursor and its own few.
const FIELDS: usize = 2 * limits::FEEDS_PER_CONNECTION;
/// Numbers of those frames in `ClientFrame`: hello, follow, unfollow, ping.
const LISTS: [u64; 4] = [1, 3, 4, 7];

/// # Errors
/// `FRAME_TOO_LONG`, or `BAD_FRAME`: not a client frame, or a field with an impossible value.
pub fn decode_client(bytes: &[u8]) -> Decoded<ClientFrame<Submission>> {
    if bytes.len() > limits::FRAME_BYTES {
        return Err(code::FRAME_TOO_LONG);
    }
    if !is_small_frame(bytes) {
        return Err(BAD);
    }
    frame_of(proto::ClientFrame::decode(bytes).map_err(|_| BAD)?)
}

/// The body of `POST /v1/frames`: at most `SUBMITS_IN_FLIGHT` frames.
///
/// # Errors
/// As `decode_client`.
pub fn decode_client_list(bytes: &[u8]) -> Decoded<Vec<ClientFrame<Submission>>> {
    if bytes.len() > limits::FRAME_BYTES {
        return Err(code::FRAME_TOO_LONG);
    }
    let mut frames = 0;
    let small = fields(bytes, |number, frame| {
        frames += 1;
        frames <= limits::SUBMITS_IN_FLIGHT && number == 1 && is_small_frame(frame)
    });
    if small != Some(true) {
        return Err(BAD);
    }
    let list = proto::FrameList::decode(bytes).map_err(|_| BAD)?;
    list.client.into_iter().map(frame_of).collect()
}

fn frame_of(frame: proto::ClientFrame) -> Decoded<ClientFrame<Submission>> {
    use proto::client_frame::Frame as P;
    Ok(match frame.frame.ok_or(BAD)? {
        P::Hello(hello) => ClientFrame::Hello(hello_of(hello)?),
        P::Submit(submit) => ClientFrame::Submit {
            conversation: conversation_of(&submit.conversation)?,
            key: key_of(&submit.key)?,
            submit: submission_of(submit)?,
        },
        P::Follow(follow) => ClientFrame::Follow(cursors_of(&follow.cursors)?),
        P::Unfollow(unfollow) => ClientFrame::Unfollow(
            unfollow.feeds.iter().map(feed_from_proto).collect::<Decoded<_>>()?,
        ),
        P::Mark(mark) => ClientFrame::Mark {
            conversation: conversation_of(&mark.conversation)?,
            delivered: Index(mark.delivered),
            read: Index(mark.read),
        },
        P::Typing(typing) => ClientFrame::Typing {
            conversation: conversation_of(&typing.conversation)?,
            preview: cut(typing.preview, limits::PREVIEW_BYTES),
            active: typing.active,
        },
        P::Ping(ping) => ClientFrame::Ping(cursors_of(&ping.cursors)?),
        P::Status(status) => ClientFrame::Status(status_of(status.status)?),
    })
}

fn hello_of(hello: proto::Hello) -> Decoded<Hello> {
    let visitor_token = match hello.visitor_token.len() {
        0 => None,
        _ => Some(hello.visitor_token.try_into().map_err(|_| BAD)?),
    };
    Ok(Hello {
        client: cut(hello.client, limits::NAME_BYTES).0,
        visitor_token,
        inbox_key: cut(hello.inbox_key, limits::NAME_BYTES).0,
        cursors: cursors_of(&hello.cursors)?,
        language: cut(hello.language, limits::LANGUAGE_BYTES).0,
    })
}

fn cursors_of(cursors: &[proto::Cursor]) -> Decoded<Vec<Cursor>> {
    if cursors.len() > limits::FEEDS_PER_CONNECTION {
        return Err(code::TOO_MANY_FEEDS);
    }
    cursors.iter().map(cursor_of).collect()
}

fn cursor_of(cursor: &proto::Cursor) -> Decoded<Cursor> {
    let epoch = match cursor.epoch.is_empty() {
        true => None,
        false => Some(Epoch::from_bytes(&cursor.epoch).ok_or(BAD)?),
    };
    let feed = feed_from_proto(cursor.feed.as_ref().ok_or(BAD)?)?;
    Ok(Cursor { feed, epoch, index: Index(cursor.index) })
}

fn status_of(status: i32) -> Decoded<Status> {
    match proto::Status::try_from(status).map_err(|_| BAD)? {
        proto::Status::Unspecified => Err(BAD),
        proto::Status::Offline => Ok(Status::Offline),
        proto::Status::Away => Ok(Status::Away),
        proto::Status::Online => Ok(Status::Online),
    }
}

/// The hash is of the command as this server would encode it, so that it does not depend on the
/// order in which a client wrote its fields, and not on the opening, which a retry leaves out.
fn submission_of(submit: proto::Submit) -> Decoded<Submission> {
    let command = submit.command.ok_or(BAD)?;
    let body_hash = xxh3_128(&command.encode_to_vec()).to_be_bytes();
    let opening = submit.opening.map(|opening| {
        Box::new(OpeningAsk {
            inbox_key: cut(opening.inbox_key, limits::NAME_BYTES).0,
            profile: profile_of(opening.profile.unwrap_or_default()),
        })
    });
    Ok(Submission { opening, command: ask_of(command)?, body_hash })
}

fn ask_of(command: proto::Command) -> Decoded<CommandAsk> {
    use proto::command::Body as P;
    use proto::message::Content;
    Ok(match command.body.ok_or(BAD)? {
        P::Message(message) => match message.content.ok_or(BAD)? {
            Content::Text(text) => CommandAsk::Text(text.into()),
            Content::Attachment(file) => {
                CommandAsk::Attachment(BlobId::from_bytes(&file.blob).ok_or(BAD)?)
            }
        },
        P::Note(note) => CommandAsk::Note(note.text.into()),
        P::Recall(recall) => {
            let author = recall.target_author.as_ref().map(who_of).transpose()?;
            CommandAsk::Recall { key: key_of(&recall.target_key)?, author }
        }
        P::Assign(assign) => CommandAsk::Assign(AgentId(assign.agent)),
        P::Transfer(transfer) => CommandAsk::Transfer(match (transfer.agent, transfer.team) {
            (agent, 0) if agent != 0 => TransferAsk::Agent(AgentId(agent)),
            (0, team) if team != 0 => TransferAsk::Team(TeamId(team)),
            _ => return Err(BAD),
        }),
        P::Resolve(_) => CommandAsk::Resolve,
        P::Reopen(_) => CommandAsk::Reopen,
        P::Rate(rated) => CommandAsk::Rate {
            score: u8::try_from(rated.score).unwrap_or(u8::MAX),
            comment: rated.comment.into(),
        },
        P::Profile(profile) => CommandAsk::Profile(Box::new(profile_of(profile))),
    })
}

fn cut(mut text: String, max: usize) -> Private {
    text.truncate(text.floor_char_boundary(max));
    Private(text)
}

/// True when the frame's lists are short. Walks the bytes without allocating, because two bytes on
/// the wire can be a hundred in memory.
fn is_small_frame(bytes: &[u8]) -> bool {
    let mut lists = 0;
    let walked = fields(bytes, |number, value| {
        if LISTS.contains(&number) {
            lists += 1;
            let mut items = 0;
            let within = fields(value, |_, _| {
                items += 1;
                items <= FIELDS
            });
            return within == Some(true) && lists == 1;
        }
        true
    });
    walked == Some(true)
}

/// Calls `each` with number and value (empty for numbers) of every field, until it says false.
/// `None` when the bytes are not a message.
fn fields(mut bytes: &[u8], mut each: impl FnMut(u64, &[u8]) -> bool) -> Option<bool> {
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let length = match tag & 7 {
            0 => varint(&mut bytes).map(|_| 0)?,
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        if !each(tag >> 3, value) {
            return Some(false);
        }
    }
    Some(true)
}

/// A base-128 number (protobuf encoding, "Base 128 Varints"); `None` when it does not end.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in 0..10 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * shift);
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Input, Session};

    /// Inputs wait in outboxes, hundreds of them before one reader counts as slow.
    #[test]
    fn an_input_and_a_session_are_small() {
        assert!(size_of::<Input<Submission>>() <= 192, "{}", size_of::<Input<Submission>>());
        assert!(size_of::<Session<Submission>>() <= 320, "{}", size_of::<Session<Submission>>());
    }
}
